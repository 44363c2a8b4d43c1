// Makes the JSON object of a protein's page from the tables of a release: the same, number by number, as
// `queries/page/protein_data.py` makes from an atlas.
"use strict";
globalThis.attlas ??= {};

(() => {
  /** Return the object of a protein by its accession; null where the release has no such protein. */
  attlas.gatherData = async (release, accession) => {
    const { facts } = release;
    const row = await attlas.rowOfAccession(release, accession);
    if (row === null) return null;

    const protein = await readProtein(release, row);
    const isComputed = protein.status === "ok";
    const rows = (table, columns) => (isComputed ? release.rowsOfSequence(table, protein.sequence_id, columns) : []);
    const { columns } = facts;
    const [residues, sites, heads, links, contacts, features, families, tracks, variants, coordinates] = await Promise.all([
      rows("residues", ["residue", "received"]),
      rows("sites", columns.sites),
      rows("heads", columns.heads),
      rows("links", columns.links),
      rows("contacts", columns.contacts),
      rows("features", ["accession", ...columns.features]),
      rows("families", ["accession", ...columns.families]),
      rows("tracks", ["accession", ...columns.tracks]),
      rows("variants", ["accession", ...columns.variants]),
      rows("coordinates", ["accession", ...columns.coordinates]),
    ]);
    if (isComputed) protein.sequence = residues.map(({ residue }) => residue).join("");

    const own = (table, tableRows, names, order) => (facts.tables[table] && isComputed ? sorted(tableRows.filter((r) => r.accession === accession), names, order) : null);
    return {
      format: facts.format,
      provenance: facts.provenance,
      model: facts.model,
      protein,
      sites: isComputed ? plainRows(sites, columns.sites) : null,
      received: isComputed ? { encoding: "float16-base64", data: encodeReceived(residues, facts.model.n_layers) } : null,
      heads: isComputed ? { statistics: lists(heads, columns.heads) } : null,
      links: await pairs(release, "links", protein, links, columns.links, ["floor", "per_residue"]),
      features: own("features", features, columns.features, ["begin", "end", "type", "description"]),
      families: own("families", families, columns.families, ["database", "family", "source"]),
      contacts: await pairs(release, "contacts", protein, contacts, columns.contacts, []),
      tracks: joinTracks(own("tracks", tracks, columns.tracks, ["name", "source", "unit", "position"])),
      variants: own("variants", variants, columns.variants, ["name", "source", "position", "substitute"])
        ?.map(({ source, name, position, residue, substitute, value }) => ({ source, name, position, from: residue, to: substitute, value })) ?? null,
      structure: attlas.drawTrace(own("coordinates", coordinates, columns.coordinates, ["source", "chain", "position"]) ?? [], protein, facts),
      thinned: [],
    };
  };

  async function readProtein(release, row) {
    const { proteins: columns } = release.facts.columns;

    // The sequences of a row group are a megabyte; those that were computed stand in `residues`, letter by letter.
    const stored = await release.proteinOf(row, columns.filter((name) => name !== "sequence"));
    const sequence = stored.status === "ok" ? null : (await release.proteinOf(row, ["sequence"])).sequence;
    return Object.fromEntries(columns.map((name) => [name, name === "sequence" ? sequence ?? null : plain(stored[name])]));
  }

  /** Return rows of `tracks`, in order, as tracks: values of two sources, or in two units, are two of them. */
  function joinTracks(rows) {
    if (rows === null) return null;
    const tracks = new Map();
    for (const { name, unit, source, position, value } of rows) {
      const key = JSON.stringify([name, unit, source]);
      if (!tracks.has(key)) tracks.set(key, { name, unit, source, positions: [], values: [] });
      tracks.get(key).positions.push(position);
      tracks.get(key).values.push(value);
    }
    return [...tracks.values()];
  }

  /** Return attention received as base64 of float16, layer by layer; the table has it residue by residue. */
  function encodeReceived(residues, nLayers) {
    const n = residues.length;
    const bytes = new Uint8Array(2 * nLayers * n);
    const view = new DataView(bytes.buffer);
    residues.forEach(({ received }, k) => {
      for (let layer = 0; layer < nLayers; layer++) view.setUint16(2 * (layer * n + k), attlas.halfBits(received[layer]), true);
    });
    return attlas.toBase64(bytes);
  }

  /** Return the pairs of residues of a table as lists, with settings of the pass; null where it left the protein out. */
  async function pairs(release, table, protein, rows, columns, settingNames) {
    if (protein.status !== "ok") return null;
    const settings = await release.settingsOf(table, protein.sequence_id);
    if (settings === null) return null;
    if (settings.max_length != null && protein.length > settings.max_length) return null;
    return { ...Object.fromEntries(settingNames.map((name) => [name, settings[name] ?? null])), ...lists(rows, columns) };
  }

  const lists = (rows, columns) => Object.fromEntries(columns.map((name) => [name, rows.map((row) => plain(row[name]))]));
  const plainRows = (rows, columns) => rows.map((row) => Object.fromEntries(columns.map((name) => [name, plain(row[name])])));

  function sorted(rows, columns, order) {
    const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    return plainRows(rows, columns).sort((a, b) => order.reduce((sum, name) => sum || compare(a[name], b[name]), 0));
  }

  /** Return a value of a table as JSON has it. */
  function plain(value) {
    if (value === undefined || value === null) return null;
    return typeof value === "bigint" ? Number(value) : attlas.shortestNumber(value);
  }
})();
