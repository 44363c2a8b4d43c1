# attlas: links of P12345 (CASE_HUMAN, Test%3B case, "50 %" of it), strong attention of one residue to another
# radius: 0.5 angstrom times the attention, which is what a model attends to, no contact and no claim of function
# sequence: 60 residues, MD5 2ed636771810fc2ce1b84b37922ebe6e
# model: facebook/esm2_synthetic
# revision: local
# weights: unknown
# rule: nayar-2025-05
# atlas_id: b27c06a30b3695e7
# attlas_version: 0.1.0
# evidence: ECO:0008006
# case.pdb chain A: 59 residues onto 1-60 of P12345 (98% of 60), 1 without coordinates, 4 of the chain's 64 letters not of the protein, 1 mismatch (without values): P27 is ALA 123
# case.pdb chain B: 60 residues onto 1-60 of P12345 (100% of 60)
# case.pdb chain C: not of P12345, without values
# links: 4 of 6 kept (the strongest of all heads with |i - j| of 6 or more), beside 460 edges of attention 0.3 or more
# It works on everything loaded. Write the name of one object in place of all to keep to that one.
select attlas_on, all
delete attlas_links*
distance attlas_links_10, (attlas_on and chain A and resi 101 and resn CYS and name CA), (attlas_on and chain A and resi 136 and resn THR and name CA)
distance attlas_links_10, (attlas_on and chain B and resi \-1 and resn CYS and name CA), (attlas_on and chain B and resi 34 and resn THR and name CA)
set dash_gap, 0, attlas_links_10
set dash_radius, 0.50, attlas_links_10
set dash_color, 0x6a3d9a, attlas_links_10
hide labels, attlas_links_10
distance attlas_links_05, (attlas_on and chain A and resi 132B and resn TRP and name CA), (attlas_on and chain A and resi 103 and resn TRP and name CA)
distance attlas_links_05, (attlas_on and chain B and resi 31 and resn TRP and name CA), (attlas_on and chain B and resi 1 and resn TRP and name CA)
set dash_gap, 0, attlas_links_05
set dash_radius, 0.25, attlas_links_05
set dash_color, 0x6a3d9a, attlas_links_05
hide labels, attlas_links_05
distance attlas_links_03, (attlas_on and chain A and resi 106 and resn PHE and name CA), (attlas_on and chain A and resi 146 and resn PRO and name CA)
distance attlas_links_03, (attlas_on and chain B and resi 4 and resn PHE and name CA), (attlas_on and chain B and resi 44 and resn PRO and name CA)
set dash_gap, 0, attlas_links_03
set dash_radius, 0.15, attlas_links_03
set dash_color, 0x6a3d9a, attlas_links_03
hide labels, attlas_links_03
distance attlas_links_01, (attlas_on and chain A and resi 156 and resn GLY and name CA), (attlas_on and chain A and resi 97 and resn PHE and name CA)
distance attlas_links_01, (attlas_on and chain B and resi 54 and resn GLY and name CA), (attlas_on and chain B and resi \-5 and resn PHE and name CA)
set dash_gap, 0, attlas_links_01
set dash_radius, 0.05, attlas_links_01
set dash_color, 0x6a3d9a, attlas_links_01
hide labels, attlas_links_01
group attlas_links, attlas_links_*
delete attlas_on
