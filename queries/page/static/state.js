// The one state of the page: layer, head, residue, range and statistic, kept in the URL's fragment so that a view can
// be mailed. Views say which of them they draw, and are called once a frame when one of these has changed.
"use strict";

(() => {
  const FRAGMENT_DELAY_MS = 200; // browsers refuse a page that renews its address too often

  attlas.State = class {
    /**
     * `opening` holds the values the page opens with; what equals them is left out of the fragment.
     * `limits` are nLayers, nHeads, nResidues and the names of statistics; `choices` are further values by name, each
     * with the list of those that may be chosen.
     */
    constructor(opening, limits) {
      this.opening = { residue: null, range: [1, limits.nResidues], ...opening };
      this.limits = limits;
      this.values = { ...this.opening, pointed: null };
      this.watchers = [];
      this.changed = new Set();
      this.readFragment();
      globalThis.addEventListener("hashchange", () => this.readFragment());
    }

    get layer() {
      return this.values.layer;
    }
    get head() {
      return this.values.head;
    } // layer * nHeads + head
    get residue() {
      return this.values.residue;
    } // held by a click or Enter
    get range() {
      return this.values.range;
    } // [begin, end], both shown
    get statistic() {
      return this.values.statistic;
    }
    get choices() {
      return Object.entries(this.limits.choices ?? {});
    }

    /** The residue that lights up in every view: the one under the pointer, or else the one held. */
    get position() {
      return this.values.pointed ?? this.values.residue;
    }

    get headName() {
      return this.nameHead(this.head);
    }
    nameHead(head) {
      return `${Math.floor(head / this.limits.nHeads)}-${head % this.limits.nHeads}`;
    }

    /** Return the head that a text names, or null: two numbers, as in `2-19`, `L2H19` or `layer 2, head 19`. */
    parseHead(text) {
      const numbers = String(text ?? "").match(/\d+/g) ?? [];
      if (numbers.length !== 2) return null;
      const [layer, head] = numbers.map(Number);
      return layer < this.limits.nLayers && head < this.limits.nHeads ? layer * this.limits.nHeads + head : null;
    }

    /** Change some of the values; what watches them is called in the next frame. */
    set(values) {
      for (const [name, value] of Object.entries(values)) {
        if (JSON.stringify(this.values[name]) === JSON.stringify(value)) continue;
        this.values[name] = value;
        this.changed.add(name === "pointed" || name === "residue" ? "position" : name);
        if (name !== "pointed") this.writeFragmentSoon();
      }
      if (this.changed.size && !this.frame) this.frame = requestAnimationFrame(() => this.notify());
    }

    notify() {
      this.frame = null;
      const changed = this.changed;
      this.changed = new Set();
      for (const { names, draw } of this.watchers) if (names.some((name) => changed.has(name))) draw(changed);
    }

    /** Call `draw` whenever one of the names changes; `position` is the residue pointed at or held. */
    watch(names, draw) {
      this.watchers.push({ names, draw });
    }

    /** Show residues around the middle of a range, no fewer than ten, none outside the sequence. */
    showRange(begin, end) {
      const n = this.limits.nResidues;
      const span = Math.min(n, Math.max(Math.min(10, n), Math.round(end - begin) + 1));
      const from = Math.min(Math.max(1, Math.round(begin + (end - begin + 1 - span) / 2)), n - span + 1);
      this.set({ range: [from, from + span - 1] });
    }

    /** Zoom by a factor (below 1: nearer) around a position that keeps its place. */
    zoom(factor, position) {
      const [begin, end] = this.range;
      const center = position ?? (begin + end) / 2;
      const from = center - (center - (begin - 0.5)) * factor + 0.5; // a residue reaches half a place to either side
      this.showRange(from, from + (end - begin + 1) * factor - 1);
    }

    /** Read the fragment; a value that this protein does not have is passed over. */
    readFragment() {
      const fields = new URLSearchParams(location.hash.slice(1));
      const { nLayers, nResidues, statistics } = this.limits;
      const number = (text, from, to) =>
        /^\d+$/.test(text ?? "") && Number(text) >= from && Number(text) <= to ? Number(text) : null;

      const [begin, end] = (fields.get("range") ?? "").split("-").map((text) => number(text, 1, nResidues));
      this.set({
        layer: number(fields.get("layer"), 0, nLayers - 1) ?? this.opening.layer,
        head: this.parseHead(fields.get("head")) ?? this.opening.head,
        residue: number(fields.get("residue"), 1, nResidues) ?? this.opening.residue,
        range: begin && end && begin <= end ? [begin, end] : this.opening.range,
        statistic: statistics.includes(fields.get("statistic")) ? fields.get("statistic") : this.opening.statistic,
        ...Object.fromEntries(
          this.choices.map(([name, values]) => [
            name,
            values.includes(fields.get(name)) ? fields.get(name) : this.opening[name],
          ]),
        ),
      });
    }

    /** Return the fragment of what differs from the opening, such as `head=5-11&residue=191`. */
    get fragment() {
      const texts = {
        layer: String(this.layer),
        head: this.headName,
        residue: String(this.residue),
        range: this.range.join("-"),
        statistic: this.statistic,
        ...Object.fromEntries(this.choices.map(([name]) => [name, this.values[name]])),
      };
      const isChanged = (name) => JSON.stringify(this.values[name]) !== JSON.stringify(this.opening[name]);
      return new URLSearchParams(
        Object.keys(texts)
          .filter(isChanged)
          .map((name) => [name, texts[name]]),
      ).toString();
    }

    writeFragmentSoon() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        try {
          history.replaceState(null, "", `#${this.fragment}`);
        } catch {
          // A page inside a notebook's frame has no address of its own.
        }
      }, FRAGMENT_DELAY_MS);
    }
  };
})();
