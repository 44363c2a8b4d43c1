// The numbers of a pair as tables, each with the SQL line to go on with.
"use strict";

(() => {
  /** Start the tables: links, predicted contacts, sites and features of both. */
  attlas.startPairTables = (data, state) => {
    const { pair } = data;
    const residueName = data.nameResidue;
    const add = (table) => {
      const file = () => [data.protein.accession, table.id, ...(table.watch ? [state.headName] : [])].join("-");
      document.getElementById("tables").append(attlas.tableSection(state, { file, residueName, ...table }));
    };
    const ofPair = (place) => {
      const names = place === 1 ? [pair.accession, pair.partner] : [pair.partner, pair.accession];
      const [accession, partner] = names.map(attlas.sqlText);
      return `accession = ${accession} AND partner = ${partner} AND form = ${attlas.sqlText(pair.form)}`;
    };
    const knownColumn = data.known ? [["known distance, Å", "probability"]] : [];
    const distanceAt = (i, j) => (data.known ? [data.knownAt.get(`${i}-${j}`) ?? ""] : []);

    add({
      id: "links",
      title: () => (state.values.shown === "head" ? `Links across of head ${state.headName}` : "Strongest links across"),
      empty: "no links across are kept here",
      watch: ["head", "shown"],
      note: () => attlas.describeShown(data, state),
      columns: [["from", "residue"], ["to", "residue"], ["weight", "decimal"], ["head", ""], ...knownColumn],
      rows: () =>
        attlas
          .shownLinks(data, state)
          .map((k) => [
            data.links.i[k],
            data.links.j[k],
            data.links.value[k],
            state.nameHead(data.links.head[k]),
            ...distanceAt(...attlas.cellOf(data, k)),
          ]),
      sql: () => {
        const [layer, head] = [Math.floor(state.head / data.nHeads), state.head % data.nHeads];
        const order = data.order === "mean" ? "" : ` AND chain_order = ${attlas.sqlText(data.order)}`;
        const ofHead = state.values.shown === "head" ? ` AND layer = ${layer} AND head = ${head}` : "";
        const where = `${ofPair(data.place)} AND place = ${data.place}${order}${ofHead}`;
        return attlas.sqlCommand(`SELECT * FROM pair_links WHERE ${where} ORDER BY weight DESC`);
      },
    });
    add({
      id: "contacts",
      title: "Predicted contacts across",
      empty: "none",
      note: () => "Means over the orders; a probability is that of the model's contact head on the joined map.",
      columns: [
        [data.proteins[0].label, "residue"],
        [data.proteins[1].label, "residue"],
        [data.contacts.name, "probability"],
        ...knownColumn,
      ],
      rows: () =>
        data.contacts.i.map((i, k) => [
          i,
          data.contacts.j[k] + data.nFirst,
          data.contacts.value[k],
          ...distanceAt(i, data.contacts.j[k]),
        ]),
      sql: () =>
        attlas.sqlCommand(`SELECT * FROM pair_contacts WHERE ${ofPair(1)} ORDER BY ${data.contacts.name} DESC`),
    });
    if (data.sites.length) {
      const accessions = [pair.accession, pair.partner].map(attlas.sqlText).join(", ");
      add({
        id: "sites",
        title: "High-attention sites of each protein alone",
        columns: [
          ["rank", "number"],
          ["residue", "residue"],
          ["received", "decimal"],
        ],
        rows: () => data.sites.map((site) => [site.rank, site.position, site.received]),
        sql: () => attlas.sqlCommand(`SELECT * FROM sites WHERE accession IN (${accessions}) ORDER BY rank`),
      });
    }
  };
})();
