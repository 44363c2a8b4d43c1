// Words of names looked up in the index of a release (the table `words`), as `queries/lookup/word_index.py` does behind a URL.
"use strict";
globalThis.attlas ??= {};

(() => {
  const MOST_READ = 4; // row groups that are read for a word; a release of no more is a small one
  const GROUP_ROWS = 65536;
  const SEARCHED_LETTERS = 32; // of a word; a key holds so many of a longer one
  const HIGHEST_LETTER = "\u{10ffff}";

  const CHEROKEE = /[\u13f8-\u13fd\uab70-\uabbf]/; // small letters, of all the only ones that are folded to capital ones

  /** Return the function that makes a text the case in which names are compared, as `schema/letter_case.py`; `ranges` are folded. */
  attlas.caseFolder = (ranges) => {
    const folded = new RegExp(`[${ranges.replace(/\w+/g, "\\u{$&}").replaceAll(" ", "")}]`, "gu");
    return (text) => (/^[\x00-\x7f]*$/.test(text) ? text.toLowerCase() : text.replace(folded, foldLetter));
  };

  const foldLetter = (letter) => (CHEROKEE.test(letter) ? letter.toUpperCase() : letter.toLowerCase().toUpperCase().toLowerCase());

  /**
   * Return the proteins that may fit some words, as rows of `proteins`, the likeliest first; null without an index.
   * `isComplete` is false where there are more; `fitting` says how many fit, and is empty where that is their number.
   */
  attlas.findWordRows = async (release, words) => {
    const files = release.entries("words");
    if (!files.length) return null;
    const isSmall = files.reduce((sum, file) => sum + file.n_rows, 0) <= MOST_READ * GROUP_ROWS;
    const parts = [...new Set(words)].map((word) => Array.from(word).slice(0, SEARCHED_LETTERS).join(""));
    const wordProteins = isSmall ? await lookUpParts(release, parts) : await Promise.all(parts.map((part) => lookUpBeginning(release, part)));

    const frequent = wordProteins.filter(({ count }) => count !== null);
    const compared = frequent.length < wordProteins.length ? wordProteins.filter(({ count }) => count === null) : frequent;
    const rarest = compared.reduce((a, b) => (b.ranks.size < a.ranks.size ? b : a));
    const worst = (row) => Math.max(...compared.map(({ ranks }) => ranks.get(row)));
    const rows = [...rarest.ranks.keys()].filter((row) => compared.every(({ ranks }) => ranks.has(row)))
      .map((row) => [worst(row), row]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, row]) => row);

    const isComplete = compared !== frequent;
    const fitting = !isComplete
      ? frequent.map(({ part, count }) => `${attlas.withCommas(count)} proteins have the word ${part}`).join(", ")
      : frequent.length ? `up to ${attlas.withCommas(rows.length)} proteins fit` : "";
    return { rows, isComplete, isSmall, fitting };
  };

  /** Return the proteins of each of some words, whole or as parts of longer words, from the whole index. */
  async function lookUpParts(release, parts) {
    const wordProteins = parts.map((part) => ({ part, ranks: new Map(), count: null }));
    const { rows } = await release.rowsOfKeys("words", "", HIGHEST_LETTER, MOST_READ + 1);
    for (const row of rows) for (const { part, ranks } of wordProteins) if (row.key.includes(part)) add(ranks, row);
    return wordProteins;
  }

  /** Return the proteins with a word that begins so; of very many, those with the very word, with their number. */
  async function lookUpBeginning(release, part) {
    const ranks = new Map();
    for (const last of [part + HIGHEST_LETTER, part]) {
      const { rows, isCut } = await release.rowsOfKeys("words", part, last, MOST_READ);
      if (isCut && last !== part) continue;
      for (const row of rows) add(ranks, row);
      return { part, ranks, count: isCut ? await release.countKey("words", part) : null };
    }
    return null;
  }

  function add(ranks, { row, rank }) {
    const number = Number(row);
    if (!(ranks.get(number) <= rank)) ranks.set(number, rank);
  }
})();
