# attlas: attention received by each residue of P12345 (CASE_HUMAN, Test%3B case, "50 %" of it)
# value: share of the largest in layer 1 (from 0), the layer of convergence, what a model attends to, no claim of function
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
# 5 of 5 high-attention sites of P12345 are on case.pdb
# site V24, rank 3: no coordinates on chain A
# site P27, rank 4: ALA A123 in its place
# B factors of the chains named become 100 x share, 0 where there is none: no temperature factors, no pLDDT.
# It works on everything loaded. Write the name of one object in place of all to keep to that one.
select attlas_on, all
python
from pymol import stored
stored.attlas_seen = set()
stored.attlas_share = {
    ('A', '97', 'PHE'): 54.99, ('A', '98', 'ASP'): 6.56, ('A', '99', 'ILE'): 48.24, ('A', '100', 'GLU'): 8.14,
    ('A', '101', 'CYS'): 35.63, ('A', '102', 'LYS'): 11.96, ('A', '103', 'TRP'): 9.25, ('A', '104', 'THR'): 40.23,
    ('A', '105', 'SER'): 14.38, ('A', '106', 'PHE'): 21.50, ('A', '107', 'MET'): 5.70, ('A', '108', 'GLY'): 6.23,
    ('A', '109', 'GLU'): 27.48, ('A', '110', 'ASP'): 4.25, ('A', '111', 'PHE'): 26.92, ('A', '112', 'TRP'): 5.69,
    ('A', '113', 'THR'): 100.00, ('A', '114', 'THR'): 49.13, ('A', '115', 'THR'): 26.63, ('A', '116', 'GLU'): 0.68,
    ('A', '117', 'HIS'): 12.70, ('A', '118', 'PRO'): 17.19, ('A', '119', 'ARG'): 0.20, ('A', '121', 'VAL'): 0.13,
    ('A', '122', 'CYS'): 3.31, ('A', '124', 'GLN'): 37.33, ('A', '125', 'MET'): 26.17, ('A', '126', 'GLU'): 18.21,
    ('A', '127', 'LEU'): 2.12, ('A', '128', 'CYS'): 36.10, ('A', '129', 'TRP'): 4.11, ('A', '130', 'VAL'): 21.65,
    ('A', '131', 'MET'): 41.53, ('A', '132', 'HIS'): 16.72, ('A', '132B', 'TRP'): 3.05, ('A', '134', 'ASN'): 26.15,
    ('A', '135', 'VAL'): 3.35, ('A', '136', 'THR'): 8.67, ('A', '137', 'MET'): 59.81, ('A', '138', 'LYS'): 21.22,
    ('A', '139', 'ASN'): 3.92, ('A', '140', 'LYS'): 11.29, ('A', '141', 'GLU'): 25.42, ('A', '142', 'HIS'): 43.53,
    ('A', '143', 'THR'): 10.01, ('A', '144', 'ALA'): 19.94, ('A', '145', 'ALA'): 18.60, ('A', '146', 'PRO'): 27.26,
    ('A', '147', 'GLY'): 20.31, ('A', '148', 'MET'): 24.14, ('A', '149', 'LEU'): 20.55, ('A', '150', 'HIS'): 17.32,
    ('A', '151', 'TYR'): 6.40, ('A', '152', 'GLU'): 7.10, ('A', '153', 'LYS'): 9.62, ('A', '154', 'PHE'): 2.18,
    ('A', '155', 'PRO'): 4.89, ('A', '156', 'GLY'): 85.81, ('B', '-5', 'PHE'): 54.99, ('B', '-4', 'ASP'): 6.56,
    ('B', '-3', 'ILE'): 48.24, ('B', '-2', 'GLU'): 8.14, ('B', '-1', 'CYS'): 35.63, ('B', '0', 'LYS'): 11.96,
    ('B', '1', 'TRP'): 9.25, ('B', '2', 'THR'): 40.23, ('B', '3', 'SER'): 14.38, ('B', '4', 'PHE'): 21.50,
    ('B', '5', 'MET'): 5.70, ('B', '6', 'GLY'): 6.23, ('B', '7', 'GLU'): 27.48, ('B', '8', 'ASP'): 4.25,
    ('B', '9', 'PHE'): 26.92, ('B', '10', 'TRP'): 5.69, ('B', '11', 'THR'): 100.00, ('B', '12', 'THR'): 49.13,
    ('B', '13', 'THR'): 26.63, ('B', '14', 'GLU'): 0.68, ('B', '15', 'HIS'): 12.70, ('B', '16', 'PRO'): 17.19,
    ('B', '17', 'ARG'): 0.20, ('B', '18', 'VAL'): 74.14, ('B', '19', 'VAL'): 0.13, ('B', '20', 'CYS'): 3.31,
    ('B', '21', 'PRO'): 68.00, ('B', '22', 'GLN'): 37.33, ('B', '23', 'MET'): 26.17, ('B', '24', 'GLU'): 18.21,
    ('B', '25', 'LEU'): 2.12, ('B', '26', 'CYS'): 36.10, ('B', '27', 'TRP'): 4.11, ('B', '28', 'VAL'): 21.65,
    ('B', '29', 'MET'): 41.53, ('B', '30', 'HIS'): 16.72, ('B', '31', 'TRP'): 3.05, ('B', '32', 'ASN'): 26.15,
    ('B', '33', 'VAL'): 3.35, ('B', '34', 'THR'): 8.67, ('B', '35', 'MET'): 59.81, ('B', '36', 'LYS'): 21.22,
    ('B', '37', 'ASN'): 3.92, ('B', '38', 'LYS'): 11.29, ('B', '39', 'GLU'): 25.42, ('B', '40', 'HIS'): 43.53,
    ('B', '41', 'THR'): 10.01, ('B', '42', 'ALA'): 19.94, ('B', '43', 'ALA'): 18.60, ('B', '44', 'PRO'): 27.26,
    ('B', '45', 'GLY'): 20.31, ('B', '46', 'MET'): 24.14, ('B', '47', 'LEU'): 20.55, ('B', '48', 'HIS'): 17.32,
    ('B', '49', 'TYR'): 6.40, ('B', '50', 'GLU'): 7.10, ('B', '51', 'LYS'): 9.62, ('B', '52', 'PHE'): 2.18,
    ('B', '53', 'PRO'): 4.89, ('B', '54', 'GLY'): 85.81,
}
python end
alter attlas_on and chain A, b = (stored.attlas_seen.add((chain, resi, resn)) if (chain, resi, resn) in stored.attlas_share else None) or stored.attlas_share.get((chain, resi, resn), 0.0)
alter attlas_on and chain B, b = (stored.attlas_seen.add((chain, resi, resn)) if (chain, resi, resn) in stored.attlas_share else None) or stored.attlas_share.get((chain, resi, resn), 0.0)
python
lost = sorted(set(stored.attlas_share) - stored.attlas_seen)
print(f"attlas: {len(stored.attlas_seen):,} of {len(stored.attlas_share):,} residues found by chain, number and name")
if lost:
    print(f"attlas: NOT FOUND, is this the structure? {lost[:10]}")
python end
spectrum b, white_orange_red, attlas_on and polymer and chain A, minimum=0, maximum=100
spectrum b, white_orange_red, attlas_on and polymer and chain B, minimum=0, maximum=100
show sticks, attlas_on and chain A and resi 113 and resn THR
label attlas_on and chain A and resi 113 and resn THR and name CA, "T17"
show sticks, attlas_on and chain B and resi 11 and resn THR
label attlas_on and chain B and resi 11 and resn THR and name CA, "T17"
show sticks, attlas_on and chain A and resi 156 and resn GLY
label attlas_on and chain A and resi 156 and resn GLY and name CA, "G60"
show sticks, attlas_on and chain B and resi 54 and resn GLY
label attlas_on and chain B and resi 54 and resn GLY and name CA, "G60"
show sticks, attlas_on and chain B and resi 18 and resn VAL
label attlas_on and chain B and resi 18 and resn VAL and name CA, "V24"
show sticks, attlas_on and chain B and resi 21 and resn PRO
label attlas_on and chain B and resi 21 and resn PRO and name CA, "P27"
show sticks, attlas_on and chain A and resi 137 and resn MET
label attlas_on and chain A and resi 137 and resn MET and name CA, "M41"
show sticks, attlas_on and chain B and resi 35 and resn MET
label attlas_on and chain B and resi 35 and resn MET and name CA, "M41"
delete attlas_on
