// Finds proteins of a release: by accession, entry name, gene or MD5, and by words of their names as `attlas find` does.
"use strict";
globalThis.attlas ??= {};

(() => {
  const NAME_COLUMNS = ["accession", "entry_name", "gene", "description", "organism"];
  const FITS = ["accession", "entry name", "gene", "MD5", "whole name", "words of the name in order", "words", "parts of words"];
  const FASTA_ID = /^>?(?:gi\|\d+\|)?(?:sp|tr)\|([^|\s]+)(?:\|.*)?$/;
  const DATABASE_ID = /^(?:UniProtKB(?:\/Swiss-Prot|\/TrEMBL)?|UniProt|AlphaFoldDB):\s*(.+)$/i;
  const ALPHAFOLD_ID = /^AF-([^\s.]+)-F1(?:-\w+_v\d+)?(?:\.\w+){0,2}$/;
  const MD5 = /^(?:md5[:=-]?\s*)?([0-9a-f]{32})$/i;
  const WORD = /[\p{L}\p{N}]+/gu;

  /** Return the accession that a text is or was pasted as, such as `sp|P04637|P53_HUMAN`. */
  attlas.pastedAccession = (text) => {
    const pasted = text.trim();
    const name = FASTA_ID.exec(pasted)?.[1] ?? DATABASE_ID.exec(pasted)?.[1] ?? pasted;
    return ALPHAFOLD_ID.exec(name)?.[1] ?? name;
  };

  /**
   * Return the proteins that fit a text, the likeliest first, each with its names and how it fits (`fit`).
   * An identifier, letter case included, leaves out all that only mention it.
   */
  attlas.findProteins = async (release, text) => {
    const accession = attlas.pastedAccession(text);
    const row = await release.rowOfAccession(accession);
    const [file] = release.files("proteins");
    if (row !== null) return (await release.read(file, NAME_COLUMNS, row, row + 1)).map((names) => ({ ...names, fit: "accession" }));

    const proteins = await release.read(file, NAME_COLUMNS);
    const md5 = MD5.exec(accession)?.[1].toLowerCase();
    if (md5) {
      const digests = await release.read(file, ["md5"]);
      return proteins.filter((_, k) => digests[k].md5 === md5).map((names) => ({ ...names, fit: "MD5" }));
    }

    for (const [column, fit] of [["entry_name", "entry name"], ["gene", "gene"]]) {
      const named = proteins.filter((names) => names[column] === accession);
      if (named.length) return byFit(named.map((names) => ({ ...names, fit })));
    }
    return findWords(proteins, text);
  };

  /** Return the protein that hits mean: the only one of an identifier, or the only one of whole words; else null. */
  attlas.chooseProtein = (hits) => {
    const sure = hits.filter(({ fit }) => FITS.indexOf(fit) < FITS.indexOf("whole name"));
    // UniProt gives isoforms the entry name of their entry; the entry itself is its canonical sequence.
    const canonical = sure.filter(({ accession, fit }) => fit !== "entry name" || !/-\d+$/.test(accession));
    if (sure.length) return canonical.length === 1 ? canonical[0] : null;
    const whole = hits.filter(({ fit }) => fit !== FITS.at(-1));
    return whole.length === 1 ? whole[0] : null;
  };

  function findWords(proteins, text) {
    const words = text.toLowerCase().match(WORD) ?? [];
    if (!words.length) return [];
    const whole = text.trim().toLowerCase();
    const hits = [];
    for (const names of proteins) {
      const values = NAME_COLUMNS.map((column) => names[column] ?? "");
      const together = values.join(" ").toLowerCase();
      if (words.every((word) => together.includes(word))) hits.push({ ...names, fit: fitOf(values, whole, words) });
    }
    return byFit(hits);
  }

  function fitOf(values, whole, words) {
    const same = ["accession", "entry name", "gene", "whole name"].find((_, k) => values[k].toLowerCase() === whole);
    if (same) return same;
    const description = ` ${(values[3].toLowerCase().match(WORD) ?? []).join(" ")} `;
    if (description.includes(` ${words.join(" ")} `)) return "words of the name in order";
    const known = new Set(values.flatMap((value) => value.toLowerCase().match(WORD) ?? []));
    return words.every((word) => known.has(word)) ? "words" : FITS.at(-1);
  }

  function byFit(hits) {
    const order = (hit) => [FITS.indexOf(hit.fit), (hit.description ?? "").length];
    return hits.sort((a, b) => order(a)[0] - order(b)[0] || order(a)[1] - order(b)[1] || (a.accession < b.accession ? -1 : 1));
  }
})();
