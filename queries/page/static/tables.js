// The same numbers as tables, each with the SQL line to go on with. Names and annotations are texts, whatever they hold.
"use strict";

(() => {
  const ROWS_SHOWN = 25; // of a long table, until all are asked for

  /** Return a text as an SQL literal. */
  const sqlText = (text) => `'${String(text).replaceAll("'", "''")}'`;
  /** Return a text as one word of a shell's command line. */
  attlas.shellWord = (text) => `"${text.replace(/[\\"$`]/g, "\\$&")}"`;
  const command = (sql) => `attlas sql ATLAS ${attlas.shellWord(sql)}`;

  /** Start the tables: sites, links of the chosen head, features, families, variants, heads. */
  attlas.startTables = (data, state) => {
    const where = `accession = ${sqlText(data.protein.accession)}`;
    const residueName = (position) => attlas.nameResidue(data, position);
    const nearby = (position, isWanted = () => true) => {
      const { at, near } = attlas.featuresNear(data, position);
      const names = at.filter(isWanted).map(attlas.describeFeature);
      if (near) names.push(`${near.feature.type.toLowerCase()} ${attlas.spanText(near.feature)}, ${near.distance} away`);
      return names.join("; ");
    };
    // At the ends of links only what names a residue: a domain would stand in every row.
    const isOfResidue = (feature) => feature.begin === feature.end || attlas.isBond(feature);
    const atEnds = (...positions) => positions.map((position) => nearby(position, isOfResidue)).filter(Boolean).join(" → ");
    const withFeatures = (value) => (data.features.length ? [value] : []);
    const add = (table, holder = "tables") => document.getElementById(holder).append(tableSection(state, table));
    const addStatic = (table, values) => add({ ...table, ...withoutEmptyColumns(table.columns, values), residueName });

    if (data.json.sites) {
      add({
        id: "sites", title: "High-attention sites", empty: "none",
        columns: [["rank", "number"], ["residue", "residue"], ["received", "decimal"], ["share of the largest", "decimal"], ...withFeatures(["annotated there, or within 4", ""])],
        rows: () => data.sites.map((site) => [site.rank, site.position, site.received, site.share, ...withFeatures(nearby(site.position))]),
        residueName, sql: () => command(`SELECT * FROM sites WHERE ${where} ORDER BY rank`),
      }, "along");
    }
    if (data.links) {
      const { links } = data;
      add({
        id: "links", title: () => `Links of head ${state.headName}`, empty: "no links of this head are kept", watch: ["head"],
        note: () => `A link goes from the residue that attends to the residue attended to. ${attlas.describeLinks(data, state.head)}`,
        columns: [["from", "residue"], ["to", "residue"], ["weight", "decimal"], ["apart", "number"], ...withFeatures(["annotated at either end", ""])],
        rows: () => links.byHead[state.head].map((k) => [links.i[k], links.j[k], links.value[k], Math.abs(links.i[k] - links.j[k]), ...withFeatures(atEnds(links.i[k], links.j[k]))]),
        residueName,
        sql: () => command(`SELECT i, j, weight FROM links WHERE ${where} AND layer = ${Math.floor(state.head / data.nHeads)} AND head = ${state.head % data.nHeads} ORDER BY weight DESC`),
      });
    }
    if (data.heads) {
      const names = Object.keys(data.heads.statistics);
      add({
        id: "heads", title: () => `Head ${state.headName} in numbers`, watch: ["head"], empty: "none",
        columns: [["statistic", ""], ["value", "number"], ["rank among the heads", "number"]],
        rows: () => names.map((name) => {
          const values = data.heads.statistics[name];
          const value = values[state.head];
          return [attlas.nameStatistic(name), value, 1 + values.filter((other) => other > value).length];
        }),
        residueName, sql: () => command(`SELECT * FROM heads WHERE ${where} ORDER BY layer, head`),
      });
    }
    if (data.features.length) {
      addStatic({
        id: "features", title: "Features", columns: [["type", ""], ["begin", "residue"], ["end", "residue"], ["description", ""], ["evidence", ""], ["source", ""]],
        sql: () => command(`SELECT * FROM features WHERE ${where} ORDER BY begin`),
      }, data.features.map((feature) => [feature.type, feature.begin, feature.end, feature.description ?? "", feature.evidence ?? "", feature.source ?? ""]));
    }
    if (data.families.length) {
      addStatic({
        id: "families", title: "Families", columns: [["database", ""], ["family", ""], ["name", ""], ["source", ""]],
        sql: () => command(`SELECT * FROM families WHERE ${where}`),
      }, data.families.map((family) => [family.database, family.family, family.name ?? "", family.source ?? ""]));
    }
    if (data.variants.length) {
      addStatic({
        id: "variants", title: "Variants", columns: [["variant", ""], ["residue", "residue"], ["value", "decimal"], ["name", ""], ["source", ""]],
        sql: () => command(`SELECT * FROM variants WHERE ${where} ORDER BY position`),
      }, data.variants.map((variant) => [`${variant.from}${variant.position}${variant.to}`, variant.position, variant.value, variant.name ?? "", variant.source ?? ""]));
    }
  };

  /** Return columns and rows without the columns that say nothing in any row. */
  const withoutEmptyColumns = (columns, values) => {
    const kept = columns.map((_, k) => k).filter((k) => values.some((row) => row[k] !== ""));
    return { columns: kept.map((k) => columns[k]), rows: () => values.map((row) => kept.map((k) => row[k])) };
  };

  /** Return a section with a table; columns of kind `residue` hold positions, and point when touched. */
  function tableSection(state, { id, title, note, columns, rows, residueName, sql, empty, watch }) {
    const heading = attlas.element("h2", { id: `${id}-table-title` });
    const section = attlas.element("div", { class: "view table", id: `${id}-section` }, heading);
    const noteText = attlas.element("p", { class: "caption" });
    const body = attlas.element("tbody");
    const header = attlas.element("tr");
    const scroll = attlas.element("div", { class: "scroll", tabindex: "0", role: "region", "aria-labelledby": heading.id },
      attlas.element("table", { id: `${id}-table` }, attlas.element("thead", {}, header), body));
    const more = attlas.button("", () => { showsAll = !showsAll; fill(); });
    const line = attlas.element("code");
    const copy = attlas.button("Copy", () => copyText(line, copy), `Copy the SQL for ${id}`);
    let showsAll = false;
    let order = null; // {column, isDown}

    // A click on a column's name sorts by it, a second one the other way.
    header.append(...columns.map(([name, kind], column) => {
      const sorter = attlas.button(name, () => {
        order = { column, isDown: order?.column === column ? !order.isDown : isNumber(kind) && name !== "rank" };
        fill();
      });
      return attlas.element("th", { scope: "col", class: isNumber(kind) ? "number" : "" }, sorter);
    }));

    const fill = () => {
      heading.textContent = typeof title === "function" ? title() : title;
      noteText.textContent = note?.() ?? "";
      let values = rows();
      if (order) values = [...values].sort((a, b) => compare(a[order.column], b[order.column]) * (order.isDown ? -1 : 1));
      const shown = showsAll ? values : values.slice(0, ROWS_SHOWN);
      body.replaceChildren(...shown.map((row) => attlas.element("tr", {}, ...row.map((value, k) => tableCell(value, columns[k][1], residueName)))));
      if (!values.length) body.replaceChildren(attlas.element("tr", {}, attlas.element("td", { colspan: columns.length }, empty ?? "none")));
      [...header.children].forEach((cell, k) => {
        if (order?.column === k) cell.setAttribute("aria-sort", order.isDown ? "descending" : "ascending");
        else cell.removeAttribute("aria-sort");
      });
      more.hidden = values.length <= ROWS_SHOWN;
      more.textContent = showsAll ? `Show ${ROWS_SHOWN}` : `Show all ${attlas.number(values.length)}`;
      line.textContent = sql();
    };

    // Pointing at a residue's name points everywhere; a click holds it.
    const positionOf = (event) => event.target.closest?.("[data-position]")?.dataset.position;
    for (const name of ["pointerover", "focusin"]) body.addEventListener(name, (event) => { if (positionOf(event)) state.set({ pointed: Number(positionOf(event)) }); });
    for (const name of ["pointerout", "focusout"]) body.addEventListener(name, (event) => { if (positionOf(event)) state.set({ pointed: null }); });
    body.addEventListener("click", (event) => {
      const position = positionOf(event);
      if (position) state.set({ residue: Number(position) === state.residue ? null : Number(position) });
    });

    if (note) section.append(noteText);
    section.append(scroll, more, attlas.element("p", { class: "sql" }, line, copy));
    fill();
    if (watch) state.watch(watch, fill);
    return section;
  }

  function tableCell(value, kind, residueName) {
    if (kind === "decimal") return attlas.element("td", { class: "number" }, attlas.decimal(value));
    if (kind === "number") return attlas.element("td", { class: "number" }, attlas.number(value));
    if (kind !== "residue") return attlas.element("td", {}, String(value));
    const button = attlas.element("button", { type: "button", class: "residue", "data-position": value }, residueName(value));
    return attlas.element("td", {}, button);
  }

  const isNumber = (kind) => kind === "number" || kind === "decimal";
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));

  /** Copy a line; where the clipboard is not given to a page (a file, an old browser), select it. */
  function copyText(line, button) {
    const select = () => getSelection().selectAllChildren(line);
    if (!navigator.clipboard) { select(); return; }
    navigator.clipboard.writeText(line.textContent).then(() => {
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    }, select);
  }
})();
