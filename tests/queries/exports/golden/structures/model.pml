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
# numbered as UniProt does, on chain A, as AlphaFold models are (--structure FILE for another)
# B factors of the chains named become 100 x share, 0 where there is none: no temperature factors, no pLDDT.
# It works on everything loaded. Write the name of one object in place of all to keep to that one.
select attlas_on, all
python
from pymol import stored
stored.attlas_seen = set()
stored.attlas_share = {
    ('A', '1', 'PHE'): 54.99, ('A', '2', 'ASP'): 6.56, ('A', '3', 'ILE'): 48.24, ('A', '4', 'GLU'): 8.14,
    ('A', '5', 'CYS'): 35.63, ('A', '6', 'LYS'): 11.96, ('A', '7', 'TRP'): 9.25, ('A', '8', 'THR'): 40.23,
    ('A', '9', 'SER'): 14.38, ('A', '10', 'PHE'): 21.50, ('A', '11', 'MET'): 5.70, ('A', '12', 'GLY'): 6.23,
    ('A', '13', 'GLU'): 27.48, ('A', '14', 'ASP'): 4.25, ('A', '15', 'PHE'): 26.92, ('A', '16', 'TRP'): 5.69,
    ('A', '17', 'THR'): 100.00, ('A', '18', 'THR'): 49.13, ('A', '19', 'THR'): 26.63, ('A', '20', 'GLU'): 0.68,
    ('A', '21', 'HIS'): 12.70, ('A', '22', 'PRO'): 17.19, ('A', '23', 'ARG'): 0.20, ('A', '24', 'VAL'): 74.14,
    ('A', '25', 'VAL'): 0.13, ('A', '26', 'CYS'): 3.31, ('A', '27', 'PRO'): 68.00, ('A', '28', 'GLN'): 37.33,
    ('A', '29', 'MET'): 26.17, ('A', '30', 'GLU'): 18.21, ('A', '31', 'LEU'): 2.12, ('A', '32', 'CYS'): 36.10,
    ('A', '33', 'TRP'): 4.11, ('A', '34', 'VAL'): 21.65, ('A', '35', 'MET'): 41.53, ('A', '36', 'HIS'): 16.72,
    ('A', '37', 'TRP'): 3.05, ('A', '38', 'ASN'): 26.15, ('A', '39', 'VAL'): 3.35, ('A', '40', 'THR'): 8.67,
    ('A', '41', 'MET'): 59.81, ('A', '42', 'LYS'): 21.22, ('A', '43', 'ASN'): 3.92, ('A', '44', 'LYS'): 11.29,
    ('A', '45', 'GLU'): 25.42, ('A', '46', 'HIS'): 43.53, ('A', '47', 'THR'): 10.01, ('A', '48', 'ALA'): 19.94,
    ('A', '49', 'ALA'): 18.60, ('A', '50', 'PRO'): 27.26, ('A', '51', 'GLY'): 20.31, ('A', '52', 'MET'): 24.14,
    ('A', '53', 'LEU'): 20.55, ('A', '54', 'HIS'): 17.32, ('A', '55', 'TYR'): 6.40, ('A', '56', 'GLU'): 7.10,
    ('A', '57', 'LYS'): 9.62, ('A', '58', 'PHE'): 2.18, ('A', '59', 'PRO'): 4.89, ('A', '60', 'GLY'): 85.81,
}
python end
alter attlas_on and chain A, b = (stored.attlas_seen.add((chain, resi, resn)) if (chain, resi, resn) in stored.attlas_share else None) or stored.attlas_share.get((chain, resi, resn), 0.0)
python
lost = sorted(set(stored.attlas_share) - stored.attlas_seen)
print(f"attlas: {len(stored.attlas_seen):,} of {len(stored.attlas_share):,} residues found by chain, number and name")
if lost:
    print(f"attlas: NOT FOUND, is this the structure? {lost[:10]}")
python end
spectrum b, white_orange_red, attlas_on and polymer and chain A, minimum=0, maximum=100
show sticks, attlas_on and chain A and resi 17 and resn THR
label attlas_on and chain A and resi 17 and resn THR and name CA, "T17"
show sticks, attlas_on and chain A and resi 60 and resn GLY
label attlas_on and chain A and resi 60 and resn GLY and name CA, "G60"
show sticks, attlas_on and chain A and resi 24 and resn VAL
label attlas_on and chain A and resi 24 and resn VAL and name CA, "V24"
show sticks, attlas_on and chain A and resi 27 and resn PRO
label attlas_on and chain A and resi 27 and resn PRO and name CA, "P27"
show sticks, attlas_on and chain A and resi 41 and resn MET
label attlas_on and chain A and resi 41 and resn MET and name CA, "M41"
delete attlas_on
