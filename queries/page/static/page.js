// Starts the page: `attlas.start(data)` draws one protein from the JSON object. A page that holds the object as an
// element `attlas-data` starts by itself; any other page calls `attlas.start` once it has the object.
"use strict";

(() => {
  /** Draw the page of a protein, once; data and state are in `attlas.shown` then. */
  attlas.start = (json) => {
    const data = attlas.readData(json);
    const byId = (id) => document.getElementById(id);
    if (!attlas.hasHeader) attlas.writeHeader(json);
    attlas.writeNotes(json);
    byId("pointed").hidden = byId("views").hidden = byId("letters").hidden = false;

    const statistics = attlas.headStatistics(data);
    const opening = {
      layer: json.protein.layer ?? data.nLayers - 1,
      head: attlas.openingHead(data),
      statistic: statistics[0],
    };
    const state = new attlas.State(opening, {
      nLayers: data.nLayers,
      nHeads: data.nHeads,
      nResidues: data.nResidues,
      statistics,
    });

    const views = [];
    if (!data.heads && !data.structure) byId("views").classList.add("single");
    if (data.nResidues) views.push(attlas.startOverview(data, state), attlas.startTracks(data, state));
    else byId("tracks").hidden = byId("letters").hidden = true;
    if (data.received) startLayers(data, state);
    else byId("layer").parentNode.hidden = true;
    if (data.heads) {
      attlas.startHeadField(data, state);
      views.push(attlas.startHeads(data, state));
    } else byId("heads").hidden = byId("head").parentNode.hidden = true;
    if (data.nResidues) attlas.startLetters(data, state);
    attlas.startTables(data, state);
    startLine(data, state);

    // The structure takes longest, and its viewer is the last script: everything else is on the screen by then.
    const finish = () => {
      attlas.structureView = attlas.startStructure(data, state);
      if (attlas.structureView) views.push(attlas.structureView);
      document.documentElement.dataset.ready = String(Math.round(performance.now())); // milliseconds since the page was asked for
    };
    const finishSoon = () => requestAnimationFrame(() => setTimeout(finish));
    if (document.readyState === "complete") finishSoon();
    else addEventListener("load", finishSoon);
    attlas.redrawWhenNeeded(views);
    attlas.shown = { data, state };
  };

  function startLayers(data, state) {
    const select = document.getElementById("layer");
    for (let layer = 0; layer < data.nLayers; layer++) {
      select.append(new Option(layer === data.protein.layer ? `${layer} (converges)` : String(layer), layer));
    }
    const show = () => {
      select.value = String(state.layer);
    };
    select.addEventListener("change", () => state.set({ layer: Number(select.value) }));
    state.watch(["layer"], show);
    show();
  }

  /** One line at the foot says what the residue pointed at is. */
  function startLine(data, state) {
    const line = document.getElementById("pointed");
    const show = () => {
      const position = state.position;
      if (position === null) {
        line.replaceChildren(
          attlas.element(
            "span",
            { class: "help" },
            "Point at a residue in any view: what is known of it stands here.",
          ),
        );
        return;
      }
      const parts = attlas.describeResidue(data, state, position);
      line.replaceChildren(attlas.element("b", {}, attlas.nameResidue(data, position)), ` ${parts.join(" · ")}`);
    };
    state.watch(["position", "layer", "head"], show);
    show();
  }

  // The header is on the screen before the long work begins; a page that nobody sees has no frames to wait for.
  const element = document.getElementById("attlas-data");
  if (element) {
    attlas.hasArrived = true;
    const start = () => attlas.start(JSON.parse(element.textContent));
    if (document.hidden) start();
    else requestAnimationFrame(() => setTimeout(start));
  }
})();
