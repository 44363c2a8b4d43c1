// A table that sorts by any column, points at residues, is saved as a file, and has the SQL line to go on with below it.
"use strict";

(() => {
  const ROWS_SHOWN = 25; // of a long table, until all are asked for
  const LONG = 24; // letters from which on a cell is prose, which needs some width

  /** Return a section with a table; columns of kind `residue` hold positions, and point when touched. */
  attlas.tableSection = (state, { id, title, file, note, columns, rows, residueName, sql, empty, watch }) => {
    const heading = attlas.element("h2", { id: `${id}-table-title` });
    const saver = attlas.button("TSV", () => saveTable(), `Save the table of ${id} as TSV`);
    const bar = attlas.element("div", { class: "bar" }, heading, attlas.element("span", { class: "buttons" }, saver));
    const section = attlas.element("div", { class: "view table", id: `${id}-section` }, bar);
    const noteText = attlas.element("p", { class: "caption" });
    const body = attlas.element("tbody");
    const header = attlas.element("tr");
    const scroll = attlas.element(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-labelledby": heading.id },
      attlas.element("table", { id: `${id}-table` }, attlas.element("thead", {}, header), body),
    );
    const more = attlas.button("", () => {
      showsAll = !showsAll;
      fill();
    });
    const printedCount = attlas.element("p", { class: "caption printed" }); // paper has no button for the others
    const line = attlas.element("code");
    const copy = attlas.button("Copy", () => copyText(line, copy), `Copy the SQL for ${id}`);
    let showsAll = false;
    let order = null; // {column, isDown}

    // A click on a column's name sorts by it, a second one the other way.
    header.append(
      ...columns.map(([name, kind], column) => {
        const sorter = attlas.button(name, () => {
          order = { column, isDown: order?.column === column ? !order.isDown : isNumber(kind) && name !== "rank" };
          fill();
        });
        return attlas.element("th", { scope: "col", class: isNumber(kind) ? "number" : "" }, sorter);
      }),
    );

    const sortedRows = () => {
      const values = rows();
      if (!order) return values;
      return [...values].sort((a, b) => compare(a[order.column], b[order.column]) * (order.isDown ? -1 : 1));
    };

    const saveTable = () => {
      const asText = (value, kind) => (kind === "residue" ? residueName(value) : (value ?? ""));
      const texts = sortedRows().map((row) => row.map((value, k) => asText(value, columns[k][1])));
      attlas.saveRows(
        file(),
        columns.map(([name]) => name),
        texts,
      );
    };

    const fill = () => {
      heading.textContent = typeof title === "function" ? title() : title;
      noteText.textContent = note?.() ?? "";
      const values = sortedRows();
      const shown = showsAll ? values : values.slice(0, ROWS_SHOWN);
      body.replaceChildren(
        ...shown.map((row) =>
          attlas.element("tr", {}, ...row.map((value, k) => tableCell(value, columns[k][1], residueName))),
        ),
      );
      if (!values.length)
        body.replaceChildren(
          attlas.element("tr", {}, attlas.element("td", { colspan: columns.length }, empty ?? "none")),
        );
      [...header.children].forEach((cell, k) => {
        if (order?.column === k) cell.setAttribute("aria-sort", order.isDown ? "descending" : "ascending");
        else cell.removeAttribute("aria-sort");
      });
      more.hidden = values.length <= ROWS_SHOWN;
      printedCount.textContent =
        shown.length < values.length ? `${shown.length} of ${attlas.number(values.length)} rows` : "";
      more.textContent = showsAll ? `Show ${ROWS_SHOWN}` : `Show all ${attlas.number(values.length)}`;
      line.textContent = sql();
    };

    // Pointing at a residue's name points everywhere; a click holds it.
    const positionOf = (event) => event.target.closest?.("[data-position]")?.dataset.position;
    for (const name of ["pointerover", "focusin"])
      body.addEventListener(name, (event) => {
        if (positionOf(event)) state.set({ pointed: Number(positionOf(event)) });
      });
    for (const name of ["pointerout", "focusout"])
      body.addEventListener(name, (event) => {
        if (positionOf(event)) state.set({ pointed: null });
      });
    body.addEventListener("click", (event) => {
      const position = positionOf(event);
      if (position) state.set({ residue: Number(position) === state.residue ? null : Number(position) });
    });

    if (note) section.append(noteText);
    section.append(scroll, more, printedCount, attlas.element("p", { class: "sql" }, line, copy));
    fill();
    if (watch) state.watch(watch, fill);
    return section;
  };

  function tableCell(value, kind, residueName) {
    if (kind === "probability") {
      return attlas.element("td", { class: "number" }, value === "" ? "" : attlas.decimal(value));
    }
    if (kind === "decimal") return attlas.element("td", { class: "number" }, attlas.decimal(value));
    if (kind === "weight") return attlas.element("td", { class: "number" }, value.toFixed(3)); // heads reach 0.99
    if (kind === "number") return attlas.element("td", { class: "number" }, attlas.number(value));
    if (kind !== "residue") {
      const text = String(value);
      return attlas.element("td", text.length > LONG ? { class: "long" } : {}, text);
    }
    const button = attlas.element(
      "button",
      { type: "button", class: "residue", "data-position": value },
      residueName(value),
    );
    return attlas.element("td", {}, button);
  }

  const isNumber = (kind) => ["number", "decimal", "weight", "probability"].includes(kind);
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));

  /** Copy a line; where the clipboard is not given to a page (a file, an old browser), select it. */
  function copyText(line, button) {
    const select = () => getSelection().selectAllChildren(line);
    if (!navigator.clipboard) {
      select();
      return;
    }
    navigator.clipboard.writeText(line.textContent).then(() => {
      button.textContent = "Copied";
      setTimeout(() => {
        button.textContent = "Copy";
      }, 1500);
    }, select);
  }
})();
