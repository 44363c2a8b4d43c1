// Starts the page of a pair from the JSON object in the element `attlas-data`; data and state are in `attlas.shown` then.
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);

  /** Draw the page of a pair, once. */
  attlas.startPair = (json) => {
    const data = attlas.readPair(json);
    const choices = {
      received: ["across", "within"].filter((name) => data.proteins.every((protein) => protein.receivedOf[name])),
      place: ["1", "2"],
      chain_order: data.orders,
      shown: ["head", "all"],
    };
    // It opens with the strongest link across: its direction, its head and its layer.
    const { links } = json;
    const k = attlas.strongestLink(json);
    const place = String(links.place[k] ?? 1);
    const opening = { received: "across", place, chain_order: data.orders[0], shown: "head" };
    attlas.showChoice(data, opening);
    writeHeader(data);
    for (const id of ["attlas", "views", "pointed"]) byId(id).hidden = false;

    const statistics = attlas.headStatistics(data);
    const state = new attlas.State(
      {
        ...opening,
        head: (links.layer[k] ?? 0) * data.nHeads + (links.head[k] ?? 0),
        layer: links.layer[k] ?? 0,
        statistic: statistics[0],
        ranges: attlas.wholeRanges(data),
      },
      { nLayers: data.nLayers, nHeads: data.nHeads, nResidues: data.nResidues, statistics, choices },
    );
    // What is chosen changes the numbers that every view draws: it comes before them.
    attlas.showChoice(data, state.values);
    state.watch(["received", "place", "chain_order"], (changed) => {
      attlas.showChoice(data, state.values);
      for (const name of ["layer", "head", "statistic"]) changed.add(name);
    });

    startSelects(data, state, choices);
    attlas.startHeadField(data, state);
    const views = [attlas.startSequences(data, state), attlas.startBlock(data, state), attlas.startHeads(data, state)];
    attlas.startPairTables(data, state);
    startLine(data, state);
    attlas.shown = { data, state };

    const finish = () => {
      attlas.structureView = attlas.startStructure(data, state);
      if (attlas.structureView) views.push(attlas.structureView);
      document.documentElement.dataset.ready = String(Math.round(performance.now()));
    };
    const finishSoon = () => requestAnimationFrame(() => setTimeout(finish));
    if (document.readyState === "complete") finishSoon();
    else addEventListener("load", finishSoon);
    attlas.redrawWhenNeeded(views);
  };

  function writeHeader(data) {
    const { pair, proteins, json } = data;
    const name = proteins.map((protein) => protein.label).join(" and ");
    byId("name").append(name, " ", attlas.element("small", {}, "attention across"));
    const [count, names, remainder] = attlas.answerOfPair(data);
    byId("answer").append(attlas.element("strong", {}, attlas.element("span", {}, count), names), remainder);
    const identity = [
      ...proteins.map(({ label, protein, nResidues }) =>
        [label, protein.description, protein.organism, attlas.plural(nResidues, "residue")].filter(Boolean).join(", "),
      ),
      attlas.describeForm(pair.form),
      pair.label && `label ${pair.label}`,
      pair.score !== null && `score ${attlas.number(pair.score)}`,
    ];
    byId("identity").textContent = identity.filter(Boolean).join(" · ");
    const { provenance } = json;
    const versions = [provenance.weights ?? provenance.model, provenance.atlas_id && `atlas ${provenance.atlas_id.slice(0, 12)}`];
    byId("provenance").textContent = versions.filter(Boolean).join(" · ");
    byId("provenance").title = Object.entries(provenance)
      .map(([key, value]) => `${key}: ${value}`)
      .join("\n");
    byId("notes").append(...json.thinned.map((note) => attlas.element("li", {}, note)));
    byId("notes").hidden = !json.thinned.length;
  }

  /** Fill the lists of what can be chosen, and keep them and the state alike. */
  function startSelects(data, state, choices) {
    const [first, second] = data.proteins.map((protein) => protein.label);
    const labels = {
      received: { across: "from the partner (across)", within: "from itself (within)" },
      place: { 1: `${first} attends to ${second}`, 2: `${second} attends to ${first}` },
      chain_order: Object.fromEntries(choices.chain_order.map((order) => [order, attlas.nameOrder(data, order)])),
      shown: { head: "of the chosen head", all: "strongest of all heads" },
    };
    for (const [name, values] of Object.entries(choices)) {
      const options = values.map((value) => [value, labels[name][value]]);
      startSelect(state, name, options, (value) => value);
    }
    const layers = Array.from({ length: data.nLayers }, (_, layer) => [layer, String(layer)]);
    startSelect(state, "layer", layers, Number);
  }

  function startSelect(state, name, options, read) {
    const select = byId(name.replace("_", "-"));
    select.append(...options.map(([value, text]) => new Option(text, value)));
    select.parentNode.hidden = options.length < 2;
    const show = () => {
      select.value = String(state.values[name]);
    };
    select.addEventListener("change", () => state.set({ [name]: read(select.value) }));
    state.watch([name], show);
    show();
  }

  /** One line at the foot says what the residue pointed at is. */
  function startLine(data, state) {
    const line = byId("pointed");
    const show = () => {
      const { position } = state;
      if (position === null) {
        const help = "Point at a residue in any view: what is known of it stands here.";
        line.replaceChildren(attlas.element("span", { class: "help" }, help));
        return;
      }
      const parts = attlas.describeResidueOfPair(data, state, position);
      line.replaceChildren(attlas.element("b", {}, data.nameResidue(position)), ` ${parts.join(" · ")}`);
    };
    state.watch(["position", "layer", "head"], show);
    show();
  }

  // The header is on the screen before the long work begins; a page that nobody sees has no frames to wait for.
  const start = () => attlas.startPair(JSON.parse(byId("attlas-data").textContent));
  if (document.hidden) start();
  else requestAnimationFrame(() => setTimeout(start));
})();
