; attlas: links of P12345 (CASE_HUMAN, Test; case, "50 %" of it), strong attention of one residue to another
; radius: 0.5 angstrom times the attention, which is what a model attends to, no contact and no claim of function
; sequence: 60 residues, MD5 2ed636771810fc2ce1b84b37922ebe6e
; model: facebook/esm2_synthetic
; revision: local
; weights: unknown
; rule: nayar-2025-05
; atlas_id: b27c06a30b3695e7
; attlas_version: 0.1.0
; evidence: ECO:0008006
; case.pdb chain A: 59 residues onto 1-60 of P12345 (98% of 60), 1 without coordinates, 4 of the chain's 64 letters not of the protein, 1 mismatch (without values): P27 is ALA 123
; case.pdb chain B: 60 residues onto 1-60 of P12345 (100% of 60)
; case.pdb chain C: not of P12345, without values
; links: 4 of 6 kept (the strongest of all heads with |i - j| of 6 or more), beside 460 edges of attention 0.3 or more
; Open the structure alone, then this file: an atom is looked for in every model that is open.
; halfbond = false
; color = #6a3d9a
; dashes = 0
; radius = 0.5
/A:101@CA /A:136@CA #6a3d9a
; radius = 0.25
/A:132B@CA /A:103@CA #6a3d9a
; radius = 0.15
/A:106@CA /A:146@CA #6a3d9a
; radius = 0.05
/A:156@CA /A:97@CA #6a3d9a
; radius = 0.5
/B:-1@CA /B:34@CA #6a3d9a
; radius = 0.25
/B:31@CA /B:1@CA #6a3d9a
; radius = 0.15
/B:4@CA /B:44@CA #6a3d9a
; radius = 0.05
/B:54@CA /B:-5@CA #6a3d9a
