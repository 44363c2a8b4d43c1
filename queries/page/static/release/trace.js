// The C-alpha atoms of the annotated chain with the most residues, as `queries/page/drawn_structure.py` draws them.
"use strict";
globalThis.attlas ??= {};

(() => {
  const PDB_MAX_ATOMS = 99_999, PDB_MAX_NUMBER = 9_999, PDB_MIN = -999, PDB_MAX = 9_999;
  const ATOM_SITE = ["group_PDB", "id", "type_symbol", "auth_atom_id", "auth_comp_id", "auth_asym_id", "auth_seq_id",
    "pdbx_PDB_ins_code", "Cartn_x", "Cartn_y", "Cartn_z"];

  /** Return the structure of the page's object from rows of `coordinates`, by source, chain and position; or null. */
  attlas.drawTrace = (rows, protein, facts) => {
    const chains = new Map();
    for (const row of rows.filter((r) => r.ca_x !== null)) {
      const key = JSON.stringify([row.source, row.chain]);
      if (!chains.has(key)) chains.set(key, []);
      chains.get(key).push(row);
    }
    if (!chains.size) return null;

    // The longest; of equal ones the first, in which order the rows come.
    const drawn = [...chains.values()].reduce((longest, chain) => (chain.length > longest.length ? chain : longest));
    const { source, chain } = drawn[0];
    const chainName = /^[A-Za-z0-9]$/.test(chain) ? chain : "A";
    const atoms = drawn.map((row) => ({
      component: facts.components[row.observed] ?? "UNK", chain: chainName, number: row.position,
      point: [row.ca_x, row.ca_y, row.ca_z].map(Math.fround),
    }));

    const same = drawn.filter((row) => row.observed === row.residue).map((row) => row.position);
    const mismatches = drawn.filter((row) => row.observed !== row.residue);
    const notes = [`${attlas.withCommas(same.length)} of ${attlas.withCommas(protein.length)} residues`, "C-alpha atoms only: all that the atlas has of a structure"];
    if (mismatches.length) {
      const words = mismatches.map((row) => `${row.residue}${row.position} is ${row.observed}`);
      notes.push(`other letters in the structure: ${words.join(", ")}`);
    }
    return {
      kind: "trace",
      ...writeAtoms(atoms),
      name: `${source} chain ${chain || "''"}`,
      source,
      chains: [{ chain: chainName, positions: same, residues: same.map(String) }],
      n_mapped: same.length,
      notes,
    };
  };

  function writeAtoms(atoms) {
    const fits = ({ number, point }) => number <= PDB_MAX_NUMBER && point.every((value) => PDB_MIN < value && value < PDB_MAX);
    if (atoms.length <= PDB_MAX_ATOMS && atoms.every(fits)) return { format: "pdb", text: `${[...atoms.map(pdbLine), "END"].join("\n")}\n` };
    const header = ["data_structure", "loop_", ...ATOM_SITE.map((name) => `_atom_site.${name}`)];
    return { format: "mmcif", text: `${[...header, ...atoms.map(mmcifLine), "#"].join("\n")}\n` };
  }

  function pdbLine({ component, chain, number, point }, k) {
    const place = point.map((value) => attlas.toThousandths(value).padStart(8)).join("");
    return `ATOM  ${String(k + 1).padStart(5)}  CA  ${component.padStart(3)} ${chain}${String(number).padStart(4)}    ${place}  1.00  0.00           C`;
  }

  function mmcifLine({ component, chain, number, point }, k) {
    return `ATOM ${k + 1} C CA ${component} ${chain} ${number} ? ${point.map(attlas.toThousandths).join(" ")}`;
  }
})();
