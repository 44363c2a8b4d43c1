// Starts the page: `attlas.start(data)` draws one protein from the JSON object. A page that holds the object as an
// element `attlas-data` starts by itself; any other page calls `attlas.start` once it has the object.
"use strict";

(() => {
  // UniProt's own rule of what an accession is, with the number of an isoform.
  const UNIPROT = /^([OPQ]\d[A-Z\d]{3}\d|[A-NR-Z]\d(?:[A-Z][A-Z\d]{2}\d){1,2})(-\d+)?$/;

  /** Draw the page of a protein, once; data and state are in `attlas.shown` then. */
  attlas.start = (json) => {
    const data = attlas.readData(json);
    const byId = (id) => document.getElementById(id);
    byId("attlas").hidden = false;
    byId("pointed").hidden = false;
    writeHeader(data);

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
    redrawWhenNeeded(views);
    attlas.shown = { data, state };
  };

  function writeHeader(data) {
    const byId = (id) => document.getElementById(id);
    const { protein, provenance } = data;
    const name = protein.description || protein.entry_name || protein.accession;
    byId("name").append(name, " ");
    const other = [protein.entry_name, protein.accession].filter((text) => text && text !== name);
    if (other.length) byId("name").append(attlas.element("small", {}, other.join(" · ")));
    const [count, names, rest] = attlas.answer(data);
    byId("answer").append(attlas.element("strong", {}, attlas.element("span", {}, count), names), rest);
    byId("answer").classList.toggle("none", !data.sites.length);

    const parts = [
      attlas.plural(protein.length ?? data.nResidues, "residue"),
      protein.gene && `gene ${protein.gene}`,
      protein.organism,
      ...links(protein.accession),
    ];
    byId("identity").append(...joined(parts.filter(Boolean)));
    for (const family of data.families.slice(0, 3))
      byId("identity").append(" · ", [family.database, family.name || family.family].filter(Boolean).join(" "));

    // The weights say which model it is; its revision only where there is one.
    const versions = [
      provenance.weights ?? provenance.model,
      provenance.rule && `rule ${provenance.rule}`,
      provenance.atlas_id && `atlas ${String(provenance.atlas_id).slice(0, 12)}`,
      provenance.attlas_version && `attlas ${provenance.attlas_version}`,
    ];
    byId("provenance").append(versions.filter(Boolean).join(" · "));
    byId("provenance").title = Object.entries(provenance)
      .map(([key, value]) => `${key}: ${value}`)
      .join("\n");

    const notes = [
      ...(data.thinned ?? []),
      ...(protein.sites_note && data.sites.length ? [protein.sites_note] : []),
    ];
    byId("notes").append(...notes.map((note) => attlas.element("li", {}, note)));
    byId("notes").hidden = !notes.length;
  }

  /** Return links to UniProt and AlphaFold DB, of an accession that is theirs. */
  function links(accession) {
    const match = UNIPROT.exec(accession);
    if (!match) return [];
    const anchor = (text, href) =>
      attlas.element("a", { href, rel: "noopener noreferrer", target: "_blank" }, text);
    return [
      anchor("UniProt", `https://www.uniprot.org/uniprotkb/${accession}/entry`),
      anchor("AlphaFold DB", `https://alphafold.ebi.ac.uk/entry/${match[1]}`),
    ];
  }
  const joined = (parts) => parts.flatMap((part, k) => (k ? [" · ", part] : [part]));

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

  /** Redraw when the window, the colours or the medium changes. */
  function redrawWhenNeeded(views) {
    const redraw = () => {
      for (const view of views) view?.redraw();
    };
    const holder = document.getElementById("views");
    let width = holder.clientWidth;
    new ResizeObserver(() => {
      if (holder.clientWidth === width) return;
      width = holder.clientWidth;
      requestAnimationFrame(redraw);
    }).observe(holder);
    for (const query of ["(prefers-color-scheme: dark)", "print"])
      matchMedia(query).addEventListener("change", redraw);
  }

  const element = document.getElementById("attlas-data");
  if (element) attlas.start(JSON.parse(element.textContent));
})();
