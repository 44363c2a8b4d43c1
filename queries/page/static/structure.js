// The structure, by 3Dmol.js (vendor/): a cartoon, or a trace of C-alpha atoms, that turns blue with attention
// received; sites as spheres with their rank, known sites as sticks, links of the chosen head as cylinders, as thick
// as they weigh.
"use strict";

(() => {
  const OPACITY = 0.75; // of the cartoon: what lies behind it is still seen
  const GREY = 0.3; // of the cartoon, from paper to ink
  const GREY_ON_DARK = 0.55;
  const SAND = 0.45; // of the second protein of a pair, from grey to the colour of sites
  const FILLED = 0.9; // share of the view's width or height that the atoms fill
  const LONG_NOTE = 70; // letters
  const SITE_RADIUS = 1.4; // angstrom
  const POINTED_RADIUS = 1.7;
  const LINK_RADIUS = (weight) => 0.05 + 0.22 * weight; // angstrom; thicker ones hide the protein
  const HOVER_MS = 40;
  const TURN = 15; // degrees, by a key
  const KEY_ZOOM = 1.25;

  /** Return the position that each residue of the structure, named by `nameOf`, is in the sequence. */
  const mapResidues = (structure) => {
    const positionOf = new Map();
    for (const { chain, positions, residues } of structure.chains) {
      positions.forEach((position, k) => positionOf.set(nameOf(chain, residues[k]), position));
    }
    return positionOf;
  };
  const nameOf = (chain, residue) => `${chain} ${residue}`;

  /** Return the insertion codes of the atoms of an mmCIF text, by their place from 0, which 3Dmol counts them by. */
  const readInsertions = (structure) => {
    const insertions = new Map();
    if (structure.format !== "mmcif") return insertions;
    const columns = [...structure.text.matchAll(/^_atom_site\.(\S+)/gm)].map((match) => match[1]);
    const column = columns.indexOf("pdbx_PDB_ins_code");
    const atomLines = structure.text.split("\n").filter((line) => /^(ATOM|HETATM)\s/.test(line));
    atomLines.forEach((line, place) => {
      const field = line.match(/'[^']*'|"[^"]*"|\S+/g)[column];
      if (field && !"?.".includes(field)) insertions.set(place, field);
    });
    return insertions;
  };

  const hasWebGl = () => {
    const canvas = document.createElement("canvas");
    return Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
  };

  /** Start the view of the structure. Without WebGL or a structure it says so, and all else stands. */
  attlas.startStructure = (data, state) => {
    const { structure } = data;
    if (!structure) return null;
    document.getElementById("structure").hidden = false;
    const positionOf = mapResidues(structure);
    data.structureAt = new Set(positionOf.values());
    const covered = `${attlas.number(data.structureAt.size)} of ${attlas.number(data.nResidues)} residues`;
    sayWhatItIs(structure, covered);

    const holder = document.getElementById("structure-canvas");
    holder.setAttribute("role", "img");
    holder.setAttribute("aria-label", `Structure ${structure.name}, ${covered}; arrow keys turn it, + and - zoom; the tables hold what it shows`);
    let viewer;
    try {
      if (!globalThis.$3Dmol || !hasWebGl()) throw new Error("no WebGL");
      viewer = $3Dmol.createViewer(holder, { antialias: true });
    } catch {
      holder.classList.add("absent");
      holder.removeAttribute("role");
      holder.removeAttribute("aria-label");
      holder.textContent =
        "This browser draws no WebGL (as on some remote desktops), so the structure is not shown. " +
        "The tracks, the heads and the tables hold the same numbers.";
      return null;
    }
    return draw(viewer, data, state, { positionOf, holder });
  };

  /** Say which structure it is and how much of the protein it covers; long remarks on the mapping are folded. */
  function sayWhatItIs(structure, covered) {
    const notes = (structure.notes ?? []).filter((note) => !note.includes(covered) || note.length > LONG_NOTE);
    const short = notes.filter((note) => note.length <= LONG_NOTE);
    const long = notes.filter((note) => note.length > LONG_NOTE);
    document.getElementById("structure-caption").textContent = [structure.name, covered, ...short].join(" · ");
    if (!long.length) return;
    const details = attlas.element(
      "details",
      { class: "caption" },
      attlas.element("summary", {}, "How it fits the sequence"),
    );
    details.append(...long.map((note) => attlas.element("p", {}, note)));
    document.getElementById("structure").append(details);
  }

  function draw(viewer, data, state, { positionOf, holder }) {
    const { structure } = data;
    const model = viewer.addModel(structure.text, structure.format === "mmcif" ? "cif" : "pdb");
    const insertions = readInsertions(structure);
    const positionOfAtom = new Map(); // by the serial number
    const atomsAt = new Map(); // atoms of a position, of all chains that hold it
    for (const atom of model.selectedAtoms({})) {
      const insertion = insertions.get(atom.serial) ?? (atom.icode ?? "").trim();
      const position = positionOf.get(nameOf(atom.chain, `${atom.resi}${insertion}`));
      if (position === undefined) continue;
      positionOfAtom.set(atom.serial, position);
      if (!atomsAt.has(position)) atomsAt.set(position, []);
      atomsAt.get(position).push(atom);
    }
    const alphasAt = (position) => (atomsAt.get(position) ?? []).filter((atom) => atom.atom === "CA");
    let links = []; // shapes that are replaced
    let nLinksDrawn = 0;
    let pointed = [];
    let labels = [];
    let frame = null;

    listen();
    restyle();
    viewer.zoomTo({ model: 0 });
    comeCloser();
    redrawLinks();
    redrawPointed();
    viewer.render();
    sayLegend();
    state.watch(["layer"], restyle);
    state.watch(["head"], redrawLinks);
    state.watch(["layer", "head"], sayLegend);
    state.watch(["position"], redrawPointed);
    attlas.addPictureButtons(document.getElementById("structure-buttons"), picture, "the structure");
    return {
      redraw: () => {
        restyle();
        redrawLinks();
        redrawPointed();
      },
      viewer,
    };

    function restyle() {
      const colours = attlas.readColours();
      const isDark = attlas.channels(colours.paper)[0] < 128;
      const grey = attlas.mix(colours.paper, colours.ink, isDark ? GREY_ON_DARK : GREY);
      const values = data.received?.[state.layer];
      const [smallest, largest] = values ? attlas.extent(values) : [0, 0];
      // What a partner gives is spread evenly: of a pair the scale begins at the smallest value.
      const shareOf = (value) => {
        const least = data.proteins ? smallest : 0;
        return value > least ? Math.sqrt((value - least) / (largest - least)) : 0;
      };
      const sand = attlas.mix(grey, colours.site, SAND);
      const colourOf = (atom) => {
        const position = positionOfAtom.get(atom.serial);
        const value = values?.[position - 1];
        const plain = position > data.proteins?.[0].nResidues ? sand : grey;
        return attlas.hex(attlas.mix(plain, colours.attention, shareOf(value)));
      };
      viewer.setBackgroundColor(attlas.hex(colours.box), 1);
      const cartoon = { colorfunc: colourOf, opacity: OPACITY, thickness: 0.35, arrows: true };
      viewer.setStyle(
        {},
        { cartoon: structure.kind === "trace" ? { ...cartoon, style: "trace", thickness: 0.5 } : cartoon },
      );
      viewer.setStyle(
        { hetflag: true, not: { resn: ["HOH", "DOD"] } },
        { stick: { radius: 0.18, colorscheme: "default" } },
      );
      addKnownSites(colours);
      addSites(colours);
      renderSoon();
    }

    /** Render once, however much changes in a frame: it is the dearest step by far. */
    function renderSoon() {
      frame ??= requestAnimationFrame(() => {
        frame = null;
        viewer.render();
      });
    }

    /** Bring the camera as near as all C-alpha atoms stay in view; 3Dmol's own zoom stays far. */
    function comeCloser() {
      const box = holder.getBoundingClientRect();
      const [x, y] = [box.left + scrollX + box.width / 2, box.top + scrollY + box.height / 2];
      let filled = 0;
      for (const alpha of [...atomsAt.keys()].flatMap(alphasAt)) {
        const place = viewer.modelToScreen({ x: alpha.x, y: alpha.y, z: alpha.z });
        filled = Math.max(
          filled,
          Math.abs(place.x - x) / (box.width / 2),
          Math.abs(place.y - y) / (box.height / 2),
        );
      }
      if (filled > 0) viewer.zoom(FILLED / filled);
    }

    /** Say what is drawn, so that no colour stands alone. */
    function sayLegend() {
      const hasKnown = data.features.some((feature) => attlas.isKnownSite(feature) && atomsAt.has(feature.begin));
      const parts = [
        data.proteins && `grey: ${data.proteins[0].label}, sand: ${data.proteins[1].label}`,
        data.received && `blue: attention received${attlas.fromText(data)} in layer ${state.layer}`,
        data.sites.length && "orange spheres: sites",
        hasKnown && `green ${structure.kind === "trace" ? "spheres" : "sticks"}: active and binding sites`,
        sayLinks(),
      ];
      document.getElementById("structure-legend").textContent = parts.filter(Boolean).join(" · ");
    }

    /** Say how many of the links of the head are drawn, of how many edges; the others touch residues that are not here. */
    function sayLinks() {
      const nLinks = data.links?.byHead[state.head].length;
      if (!nLinks) return "";
      const nEdges = attlas.countEdges(data, state.head);
      const ofEdges = nEdges === undefined ? "" : `; the head has ${attlas.plural(nEdges, "edge")}`;
      const why = nLinksDrawn < nLinks ? " (the others touch residues without coordinates)" : "";
      return `pink rods: ${nLinksDrawn} of ${attlas.plural(nLinks, "kept link")} of head ${state.headName}${why}${ofEdges}`;
    }

    /** Known active and binding residues as sticks; of a trace, which has no side chains, as small spheres. */
    function addKnownSites(colours) {
      const color = attlas.hex(colours.annotated);
      const style =
        structure.kind === "trace" ? { sphere: { radius: 0.8, color } } : { stick: { radius: 0.2, color } };
      for (const feature of data.features.filter(attlas.isKnownSite)) {
        for (let position = feature.begin; position <= feature.end; position++) {
          const serial = (atomsAt.get(position) ?? []).map((atom) => atom.serial);
          if (serial.length) viewer.addStyle({ serial }, style);
        }
      }
    }

    function addSites(colours) {
      for (const label of labels) viewer.removeLabel(label);
      labels = [];
      for (const site of data.sites) {
        for (const alpha of alphasAt(site.position))
          viewer.addStyle(
            { serial: alpha.serial },
            { sphere: { radius: SITE_RADIUS, color: attlas.hex(colours.site) } },
          );
        const [alpha] = alphasAt(site.position);
        if (!alpha) continue;
        const name = site.name ?? `${site.residue}${site.position}`;
        labels.push(
          viewer.addLabel(data.sites.length > 1 ? `${site.rank} ${name}` : name, {
            position: { x: alpha.x, y: alpha.y, z: alpha.z },
            fontSize: 12,
            fontColor: attlas.hex(colours.ink),
            inFront: true,
            backgroundColor: attlas.hex(colours.paper),
            backgroundOpacity: 0.75,
            screenOffset: { x: 10, y: 12, z: 0 },
          }),
        );
      }
    }

    function redrawLinks() {
      for (const shape of links) viewer.removeShape(shape);
      links = [];
      nLinksDrawn = 0;
      const colour = attlas.hex(attlas.readColours().links);
      for (const k of data.links?.byHead[state.head] ?? []) {
        const [from, to] = [data.links.i[k], data.links.j[k]];
        const rods = endsOf(from, to);
        if (rods.length) nLinksDrawn++;
        for (const [start, end] of rods) {
          links.push(
            viewer.addCylinder({
              start,
              end,
              radius: LINK_RADIUS(data.links.value[k]),
              color: colour,
              fromCap: 1,
              toCap: 1,
            }),
          );
        }
      }
      renderSoon();
    }

    /** Return the C-alpha atoms that a link joins: of one chain, or, of a pair, one of either protein. */
    function endsOf(from, to) {
      if (data.proteins) return alphasAt(from).flatMap((start) => alphasAt(to).map((end) => [start, end]));
      return structure.chains
        .map((chain) => [from, to].map((position) => alphasAt(position).find((alpha) => alpha.chain === chain.chain)))
        .filter(([start, end]) => start && end);
    }

    function redrawPointed() {
      for (const shape of pointed) viewer.removeShape(shape);
      const color = attlas.hex(attlas.readColours().pointed);
      pointed = alphasAt(state.position).map((center) =>
        viewer.addSphere({ center, radius: POINTED_RADIUS, color, opacity: 0.8 }),
      );
      renderSoon();
    }

    function listen() {
      viewer.setHoverDuration(HOVER_MS);
      const select = { predicate: (atom) => positionOfAtom.has(atom.serial) };
      let isHovering = false; // 3Dmol tells of leaving an atom even where the pointer was on none
      const leave = () => {
        if (isHovering) state.set({ pointed: null });
        isHovering = false;
      };
      const enter = (atom) => {
        isHovering = true;
        state.set({ pointed: positionOfAtom.get(atom.serial) });
      };
      viewer.setHoverable(select, true, enter, leave);
      viewer.setClickable(select, true, (atom) => {
        const position = positionOfAtom.get(atom.serial);
        state.set({ residue: position === state.residue ? null : position });
      });
      holder.addEventListener("pointerleave", leave);

      listenToKeys();

      // A wheel alone scrolls the page, as on the tracks.
      holder.addEventListener(
        "wheel",
        (event) => {
          if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
        },
        { capture: true },
      );
    }

    /** Arrow keys turn the structure, + and - bring it nearer and farther. */
    function listenToKeys() {
      const turns = { ArrowLeft: [-TURN, "y"], ArrowRight: [TURN, "y"], ArrowUp: [-TURN, "x"], ArrowDown: [TURN, "x"] };
      const zooms = { "+": KEY_ZOOM, "=": KEY_ZOOM, "-": 1 / KEY_ZOOM };
      holder.tabIndex = 0;
      holder.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        if (event.key in turns) viewer.rotate(...turns[event.key]);
        else if (event.key in zooms) viewer.zoom(zooms[event.key]);
        else return;
        event.preventDefault();
        renderSoon();
      });
    }

    function picture() {
      viewer.render();
      const canvas = holder.querySelector("canvas");
      const [width, height] = [holder.clientWidth, holder.clientHeight];
      return {
        width,
        height,
        draw: (pen) => pen.image(canvas, 0, 0, width, height),
        name: `${data.protein.accession}-structure-layer${state.layer}-head${state.headName}`,
        notes: ["structure-caption", "structure-legend"].map((id) => document.getElementById(id).textContent),
      };
    }
  }
})();
