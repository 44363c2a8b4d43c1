// The letters of the range in view, in blocks of ten: text that can be copied, with sites and known residues marked.
// A block is one element, so that a sequence of 34,350 residues stays light; the letter under the pointer is reckoned.
"use strict";

(() => {
  const BLOCK = 10;
  const LONG = 3_000; // letters from which on they scroll within their box
  const MOST_LETTERS = 10_000; // at once; a longer range shows its beginning
  const SITE_TYPES = [...attlas.KNOWN_SITE_TYPES, "motif"];
  const LONGEST_SITE = 20; // residues of a site or motif that is marked letter by letter

  /** Start the letters. */
  attlas.startLetters = (data, state) => {
    const holder = document.getElementById("letters-text");
    const mark = attlas.element("span", { class: "mark", "aria-hidden": "true" });
    const annotated = knownResidues(data);

    holder.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "touch") state.set({ pointed: positionAt(event) });
    });
    holder.addEventListener("pointerleave", () => state.set({ pointed: null }));
    holder.addEventListener("click", (event) => {
      const position = positionAt(event);
      // Text that is being selected is not a click.
      if (position !== null && getSelection().isCollapsed)
        state.set({ residue: position === state.residue ? null : position });
    });
    attlas.addPictureButtons(document.getElementById("letters-buttons"), picture, "the sequence");
    sayLegend();

    redraw();
    state.watch(["range"], redraw);
    state.watch(["position"], movePointed);
    addEventListener("resize", movePointed);

    function redraw() {
      const [begin, end] = shownRange();
      const blocks = [];
      for (let from = begin; from <= end; from += BLOCK - ((from - 1) % BLOCK)) {
        blocks.push(block(from, Math.min(end, from - ((from - 1) % BLOCK) + BLOCK - 1)), " ");
      }
      holder.replaceChildren(...blocks, mark);
      const isLong = end - begin >= LONG;
      holder.classList.toggle("long", isLong);
      holder.tabIndex = isLong ? 0 : -1; // keys scroll it
      const isCut = end < state.range[1];
      const whole = begin === 1 && end === data.nResidues;
      document.getElementById("letters-range").textContent = whole
        ? attlas.plural(end, "residue")
        : `${attlas.number(begin)} to ${attlas.number(end)} of ${attlas.number(data.nResidues)}${isCut ? "; zoom in for what follows" : ""}`;
      movePointed();
    }

    function shownRange() {
      const [begin, end] = state.range;
      return [begin, Math.min(end, begin + MOST_LETTERS - 1)];
    }

    /** Return the element of a block: its last number above, its letters, those that are marked as elements. */
    function block(from, to) {
      const element = attlas.element("span", { class: "block", "data-from": from });
      const number = to % BLOCK === 0 ? attlas.withCommas(to) : "";
      element.setAttribute("data-number", number);
      let plain = "";
      for (let position = from; position <= to; position++) {
        const kinds = [data.siteAt.has(position) ? "site" : "", annotated.has(position) ? "annotated" : ""].filter(
          Boolean,
        );
        const letter = data.sequence[position - 1];
        if (!kinds.length) {
          plain += letter;
          continue;
        }
        element.append(plain, attlas.element("b", { class: kinds.join(" ") }, letter));
        plain = "";
      }
      element.append(plain);
      return element;
    }

    function positionAt(event) {
      const element = event.target.closest?.(".block");
      if (!element) return null;
      const box = element.getBoundingClientRect();
      const n = element.textContent.length;
      const offset = Math.min(n - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * n)));
      return Number(element.dataset.from) + offset;
    }

    /** Move the mark over the letter of the residue pointed at; nothing else moves. */
    function movePointed() {
      const position = state.position;
      const [begin, end] = shownRange();
      mark.hidden = position === null || position < begin || position > end;
      if (mark.hidden) return;
      const from = Math.max(begin, position - ((position - 1) % BLOCK));
      const element = holder.querySelector(`[data-from="${from}"]`);
      const width = element.offsetWidth / element.textContent.length;
      mark.style.width = `${width}px`;
      mark.style.transform = `translate(${element.offsetLeft + (position - from) * width}px, ${element.offsetTop}px)`;
      mark.style.height = `${element.offsetHeight}px`;
    }

    function sayLegend() {
      const legend = document.getElementById("letters-legend");
      if (data.sites.length) legend.append(attlas.element("b", { class: "site" }, "A"), " high-attention site ");
      if (annotated.size)
        legend.append(attlas.element("b", { class: "annotated" }, "A"), " known residue (of short sites and motifs, too)");
    }

    function picture() {
      const [begin, end] = shownRange();
      const [letter, rowHeight, perRow] = [9, 34, 80];
      const nRows = Math.ceil((end - begin + 1) / perRow);
      const xOf = (k) => 10 + k * letter + Math.floor(k / BLOCK) * 10;
      const draw = (pen) => {
        const colours = attlas.readColours();
        for (let position = begin; position <= end; position++) {
          const [k, row] = [(position - begin) % perRow, Math.floor((position - begin) / perRow)];
          const [x, y] = [xOf(k), 28 + row * rowHeight];
          if (position === state.position) pen.rect(x - 4.5, y - 12, 9, 16, { fill: colours.pointed, radius: 2 });
          if (data.siteAt.has(position))
            pen.rect(x - 5, y - 12.5, 10, 17, { stroke: colours.site, width: 1.8, radius: 2 });
          if (annotated.has(position))
            pen.polyline(
              [
                [x - 4, y + 6],
                [x + 4, y + 6],
              ],
              { stroke: colours.annotated, width: 2 },
            );
          const weight = data.siteAt.has(position) ? 700 : 400;
          pen.text(x, y, data.sequence[position - 1], { fill: colours.ink, size: 12, align: "center", weight });
          if (position % BLOCK === 0)
            pen.text(x + 4, y - 14, String(position), { fill: colours.soft, size: 9, align: "right" });
        }
      };
      return {
        width: xOf(perRow),
        height: nRows * rowHeight + 12,
        draw,
        name: `${data.protein.accession}-sequence`,
      };
    }
  };

  /** Return the positions of features of one residue, of ends of bonds, and of sites and motifs of a few residues. */
  const knownResidues = (data) => {
    const positions = new Set();
    for (const feature of data.features) {
      if (attlas.isBond(feature)) positions.add(feature.begin).add(feature.end);
      else if (feature.begin === feature.end || isShortSite(feature)) {
        for (let position = feature.begin; position <= feature.end; position++) positions.add(position);
      }
    }
    return positions;
  };
  const isShortSite = (feature) =>
    feature.end - feature.begin < LONGEST_SITE && SITE_TYPES.includes(feature.type.toLowerCase());
})();
