// The same numbers as tables, each with the SQL line to go on with. Names and annotations are texts.
"use strict";

(() => {
  /** Return a text as an SQL literal. */
  const sqlText = (text) => `'${String(text).replaceAll("'", "''")}'`;

  /** Return a text as one word of a shell's command line. */
  attlas.shellWord = (text) => `"${text.replace(/[\\"$`]/g, "\\$&")}"`;
  // A page around this one that knows where its atlas is says so: a release by itself, a server in an element.
  const place = () => attlas.place ?? document.querySelector('meta[name="attlas-place"]')?.content;
  const shellPlace = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : attlas.shellWord(text));
  const command = (sql) => `attlas sql ${shellPlace(place() ?? "ATLAS")} ${attlas.shellWord(sql)}`;
  Object.assign(attlas, { sqlText, sqlCommand: command });

  /** Start the tables: sites, links of the chosen head, features, families, variants, heads. */
  attlas.startTables = (data, state) => {
    const where = `accession = ${sqlText(data.protein.accession)}`;
    const residueName = (position) => attlas.nameResidue(data, position);
    const nearby = (position, isWanted = () => true) => {
      const { at, near } = attlas.featuresNear(data, position);
      const names = at.filter(isWanted).map(attlas.describeFeature);
      if (near)
        names.push(`${near.feature.type.toLowerCase()} ${attlas.spanText(near.feature)}, ${near.distance} away`);
      return names.join("; ");
    };
    // At the ends of links only what names a residue: a domain would stand in every row.
    const isOfResidue = (feature) => feature.begin === feature.end || attlas.isBond(feature);
    const atEnds = (...positions) =>
      positions
        .map((position) => nearby(position, isOfResidue))
        .filter(Boolean)
        .join(" → ");
    const withFeatures = (value) => (data.features.length ? [value] : []);
    const add = (table, holder = "tables") => {
      // What is of one head has its name in the name of the file.
      const file = () => [data.protein.accession, table.id, ...(table.watch ? [state.headName] : [])].join("-");
      document.getElementById(holder).append(attlas.tableSection(state, { file, ...table }));
    };
    const addStatic = (table, values) =>
      add({ ...table, ...withoutEmptyColumns(table.columns, values), residueName });

    if (data.json.sites) {
      add(
        {
          id: "sites",
          title: "High-attention sites",
          empty: "none",
          columns: [
            ["rank", "number"],
            ["residue", "residue"],
            ["received", "decimal"],
            ["share of the largest", "decimal"],
            ...withFeatures(["annotated there, or within 4", ""]),
          ],
          rows: () =>
            data.sites.map((site) => [
              site.rank,
              site.position,
              site.received,
              site.share,
              ...withFeatures(nearby(site.position)),
            ]),
          residueName,
          sql: () => command(`SELECT * FROM sites WHERE ${where} ORDER BY rank`),
        },
        "along",
      );
    }
    if (data.links) {
      const { links } = data;
      const pairOf = (i, j) => `${Math.min(i, j)}-${Math.max(i, j)}`;
      const contacts = data.contacts && contactProbabilities(data.contacts, pairOf);
      add({
        id: "links",
        title: () => `Links of head ${state.headName}`,
        empty: "no links of this head are kept",
        watch: ["head"],
        note: () =>
          [
            attlas.describePartners(data, state.head),
            "A link goes from the residue that attends to the residue attended to.",
            attlas.describeLinks(data, state.head),
            attlas.explainChoice(data, state.head),
          ]
            .filter(Boolean)
            .join(" "),
        columns: [
          ["from", "residue"],
          ["to", "residue"],
          ["weight", "weight"],
          ["apart", "number"],
          ...(contacts ? [["contact", "probability"]] : []),
          ...withFeatures(["annotated at either end", ""]),
        ],
        rows: () =>
          links.byHead[state.head].map((k) => [
            links.i[k],
            links.j[k],
            links.value[k],
            Math.abs(links.i[k] - links.j[k]),
            ...(contacts ? [contacts.get(pairOf(links.i[k], links.j[k])) ?? ""] : []),
            ...withFeatures(atEnds(links.i[k], links.j[k])),
          ]),
        residueName,
        sql: () =>
          command(
            `SELECT i, j, weight FROM links WHERE ${where} AND layer = ${Math.floor(state.head / data.nHeads)} AND head = ${state.head % data.nHeads} ORDER BY weight DESC`,
          ),
      });
    }
    if (data.heads) {
      const names = Object.keys(data.heads.statistics);
      add({
        id: "heads",
        title: () => `Head ${state.headName} in numbers`,
        watch: ["head"],
        empty: "none",
        columns: [
          ["statistic", ""],
          ["value", "number"],
          ["rank among the heads", "number"],
          ...(data.model.statistics ? [["meaning", ""]] : []),
        ],
        rows: () =>
          names.map((name) => {
            const values = data.heads.statistics[name];
            const value = values[state.head];
            return [
              attlas.nameStatistic(name),
              value,
              1 + values.filter((other) => other > value).length,
              ...(data.model.statistics ? [attlas.describeStatistic(data, name)] : []),
            ];
          }),
        residueName,
        sql: () => command(`SELECT * FROM heads WHERE ${where} ORDER BY layer, head`),
      });
    }
    if (data.features.length) {
      addStatic(
        {
          id: "features",
          title: "Features",
          columns: [
            ["type", ""],
            ["begin", "residue"],
            ["end", "residue"],
            ["description", ""],
            ["evidence", ""],
            ["source", ""],
          ],
          sql: () => command(`SELECT * FROM features WHERE ${where} ORDER BY begin`),
        },
        data.features.map((feature) => [
          feature.type,
          feature.begin,
          feature.end,
          feature.description ?? "",
          feature.evidence ?? "",
          feature.source ?? "",
        ]),
      );
    }
    if (data.families.length) {
      addStatic(
        {
          id: "families",
          title: "Families",
          columns: [
            ["database", ""],
            ["family", ""],
            ["name", ""],
            ["source", ""],
          ],
          sql: () => command(`SELECT * FROM families WHERE ${where}`),
        },
        data.families.map((family) => [family.database, family.family, family.name ?? "", family.source ?? ""]),
      );
    }
    if (data.variants.length) {
      addStatic(
        {
          id: "variants",
          title: "Variants",
          columns: [
            ["variant", ""],
            ["residue", "residue"],
            ["value", "decimal"],
            ["name", ""],
            ["source", ""],
          ],
          sql: () => command(`SELECT * FROM variants WHERE ${where} ORDER BY position`),
        },
        data.variants.map((variant) => [
          `${variant.from}${variant.position}${variant.to}`,
          variant.position,
          variant.value,
          variant.name ?? "",
          variant.source ?? "",
        ]),
      );
    }
  };

  /** Return the probability of each pair of residues that is predicted to be in contact. */
  const contactProbabilities = ({ i, j, value }, pairOf) => {
    const probabilities = new Map();
    i.forEach((position, k) => probabilities.set(pairOf(position, j[k]), value[k]));
    return probabilities;
  };

  /** Return columns and rows without the columns that say nothing in any row. */
  const withoutEmptyColumns = (columns, values) => {
    const kept = columns.map((_, k) => k).filter((k) => values.some((row) => row[k] !== ""));
    return { columns: kept.map((k) => columns[k]), rows: () => values.map((row) => kept.map((k) => row[k])) };
  };
})();
