// Finds proteins of a release: by accession, entry name, gene or MD5, and by words of their names as `attlas find` does;
// and the protein that stands for a cluster by the accessions of its members.
"use strict";
globalThis.attlas ??= {};

(() => {
  const NAME_COLUMNS = ["accession", "entry_name", "gene", "description", "organism"];
  const FITS = ["accession", "entry name", "gene", "MD5", "whole name", "words of the name in order", "words", "parts of words"];
  const MEMBER_FIT = "member of the cluster"; // how a protein fits that stands for another one
  const FASTA_ID = /^>?(?:gi\|\d+\|)?(?:sp|tr)\|([^|\s]+)(?:\|.*)?$/;
  const DATABASE_ID = /^(?:UniProtKB(?:\/Swiss-Prot|\/TrEMBL)?|UniProt|AlphaFoldDB):\s*(.+)$/i;
  const ALPHAFOLD_ID = /^AF-([^\s.]+)-F1(?:-\w+_v\d+)?(?:\.\w+){0,2}$/;
  const MD5 = /^(?:md5[:=-]?\s*)?([0-9a-f]{32})$/i;
  const KEY_LETTERS = 64; // of a name, in its key in the index
  const MOST_NAME_GROUPS = 8; // row groups of names that are read for a name which very many proteins share
  const MOST_MEMBER_GROUPS = 2; // row groups of members that are read for one of them
  const MOST_GROUPS = 32; // row groups of `proteins` in which hits are read
  const WORD = /[\p{L}\p{N}]+/gu;

  /** Return the accession that a text is or was pasted as, such as `sp|P04637|P53_HUMAN`. */
  attlas.pastedAccession = (text) => {
    const pasted = text.trim();
    const name = FASTA_ID.exec(pasted)?.[1] ?? DATABASE_ID.exec(pasted)?.[1] ?? pasted;
    return ALPHAFOLD_ID.exec(name)?.[1] ?? name;
  };

  /**
   * Return the proteins that fit a text, the likeliest first, each with its names and how it fits (`fit`): `hits`, and
   * `note`, what was not looked at where very many fit, else empty.
   * An identifier, letter case included, leaves out all that only mention it.
   */
  attlas.findProteins = async (release, text) => {
    const accession = attlas.pastedAccession(text);
    const { rows: named, isCut } = await rowsOfName(release, accession);
    for (const [kind, fit] of [["accession", "accession"], ["entry_name", "entry name"], ["gene", "gene"]]) {
      const rows = named.filter((name) => name.kind === kind && name.name === accession).map(({ row }) => Number(row));
      if (rows.length) return ofName(release, rows, fit, isCut && kind !== "accession");
    }
    const md5 = MD5.exec(accession)?.[1].toLowerCase();
    if (md5) return ofMd5(release, md5);
    const answer = await findWords(release, text);
    return answer.hits.length ? answer : (await findClusters(release, accession)) ?? answer;
  };

  /** Return the proteins that stand for the clusters of which an accession is a member; null for what is no member. */
  async function findClusters(release, member) {
    const { rows } = await release.rowsOfKeys("members", member, member, MOST_MEMBER_GROUPS);
    if (!rows.length) return null;
    const proteinRows = await Promise.all(rows.map(({ accession }) => attlas.rowOfAccession(release, accession)));
    const hits = (await readNames(release, proteinRows.filter((row) => row !== null))).map((names) => ({ ...names, fit: MEMBER_FIT }));
    const clusters = rows.length === 1 ? rows[0].accession : `${rows.length} clusters`;
    return { ...all(hits), note: `${member} is a member of ${clusters}, which another protein stands for.` };
  }

  /** Return the row of an accession in `proteins`, from 0; null where there is none. */
  attlas.rowOfAccession = async (release, accession) => {
    const { rows } = await rowsOfName(release, accession);
    const name = rows.find(({ kind, name }) => kind === "accession" && name === accession);
    return name ? Number(name.row) : null;
  };

  const all = (hits) => ({ hits, note: "", isComplete: true });

  /** Return the rows of the index of names under the key of a name, as `rowsOfKeys` does. */
  function rowsOfName(release, name) {
    const key = Array.from(release.foldCase(name)).slice(0, KEY_LETTERS).join("");
    return release.rowsOfKeys("names", key, key, MOST_NAME_GROUPS);
  }

  async function ofMd5(release, md5) {
    const { rows: named, isCut } = await rowsOfName(release, md5);
    const rows = named.filter(({ kind }) => kind === "md5").map(({ row }) => Number(row));
    return ofName(release, rows, "MD5", isCut);
  }

  /** Return the proteins that have a name; `isCut` says that there are more than `rows`. */
  async function ofName(release, rows, fit, isCut) {
    const taken = await groupsOfLikeliest(release, rows);
    const hits = byFit((await readNames(release, taken.rows)).map((names) => ({ ...names, fit })));
    if (taken.isComplete && !isCut) return all(hits);
    return { hits, isComplete: false, note: `more than ${attlas.withCommas(hits.length)} proteins have this name; so many are listed.` };
  }

  /** Return the names of the proteins at some rows, in order; each row group of them is read once. */
  async function readNames(release, rows) {
    const groups = await release.proteinGroups([...rows].sort((a, b) => a - b));
    const read = groups.map(async (group) => {
      const names = await release.read(group.file, NAME_COLUMNS, group.start, group.end);
      return group.rows.map((row) => names[row - group.firstRow - group.start]);
    });
    return (await Promise.all(read)).flat();
  }

  /**
   * Return the protein that hits mean: the only one of an identifier, or the only one of whole words; else null, and for
   * a member of a cluster, which is another protein.
   */
  attlas.chooseProtein = ({ hits, isComplete }) => {
    if (!isComplete) return null;
    const directHits = hits.filter(({ fit }) => fit !== MEMBER_FIT);
    const sure = directHits.filter(({ fit }) => FITS.indexOf(fit) < FITS.indexOf("whole name"));
    // UniProt gives isoforms the entry name of their entry; the entry itself is its canonical sequence.
    const canonical = sure.filter(({ accession, fit }) => fit !== "entry name" || !/-\d+$/.test(accession));
    if (sure.length) return canonical.length === 1 ? canonical[0] : null;
    const whole = directHits.filter(({ fit }) => fit !== FITS.at(-1));
    return whole.length === 1 ? whole[0] : null;
  };

  async function findWords(release, text) {
    const words = release.foldCase(text).match(WORD) ?? [];
    if (!words.length) return all([]);
    const [file] = release.files("proteins");
    const candidates = await attlas.findWordRows(release, words);
    const groups = candidates === null ? null : await groupsOfLikeliest(release, candidates.rows);
    const proteins = candidates === null ? await release.read(file, NAME_COLUMNS) : await readNames(release, groups.rows);

    const whole = release.foldCase(text.trim());
    const hits = [];
    for (const names of proteins) {
      const values = NAME_COLUMNS.map((column) => names[column] ?? "");
      const together = release.foldCase(values.join(" "));
      if (words.every((word) => together.includes(word))) hits.push({ ...names, fit: fitOf(release, values, whole, words) });
    }
    byFit(hits);
    const isSmall = candidates === null || candidates.isSmall;
    if (candidates === null || (candidates.isComplete && groups.isComplete)) return { ...all(hits), isSmall };
    const fitting = candidates.fitting || `${attlas.withCommas(candidates.rows.length)} proteins fit`;
    return { hits, isSmall, isComplete: false, note: `${fitting}: the likeliest ${attlas.withCommas(hits.length)} are listed; more words leave fewer.` };
  }

  /** Return the first of some rows, as many as lie in a limited number of row groups. */
  async function groupsOfLikeliest(release, rows) {
    const groups = await release.proteinGroups(rows);
    if (groups.length <= MOST_GROUPS) return { rows, isComplete: true };
    const groupOf = new Map(groups.flatMap((group, k) => group.rows.map((row) => [row, k])));
    const taken = new Set();
    const end = rows.findIndex((row) => taken.add(groupOf.get(row)).size > MOST_GROUPS);
    return { rows: rows.slice(0, end), isComplete: false };
  }

  function fitOf(release, values, whole, words) {
    const same = ["accession", "entry name", "gene", "whole name"].find((_, k) => release.foldCase(values[k]) === whole);
    if (same) return same;
    const description = ` ${(release.foldCase(values[3]).match(WORD) ?? []).join(" ")} `;
    if (description.includes(` ${words.join(" ")} `)) return "words of the name in order";
    const known = new Set(values.flatMap((value) => release.foldCase(value).match(WORD) ?? []));
    return words.every((word) => known.has(word)) ? "words" : FITS.at(-1);
  }

  function byFit(hits) {
    const order = (hit) => [FITS.indexOf(hit.fit), (hit.description ?? "").length];
    return hits.sort((a, b) => order(a)[0] - order(b)[0] || order(a)[1] - order(b)[1] || (a.accession < b.accession ? -1 : 1));
  }
})();
