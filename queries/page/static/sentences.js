// What the page says in words: the answer, the residue pointed at, the edges shown. Pure: data in, text out.
"use strict";

(() => {
  const MOST_NAMED = 12; // sites named in the answer
  const MOST_PARTNERS = 6; // residues, and pairs, named of the links of a head
  const MOST_TRACKS = 4; // whose values the line of a residue has room for

  /** Return a whole number with commas, as in 1,204. What browsers have for it takes 0.1 s to load, before the answer is seen. */
  const withCommas = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");

  /** Return a count or a number as tables and sentences show it. */
  const number = (value) => {
    if (value === null || value === undefined || Number.isNaN(value)) return "none";
    return Number.isInteger(value) ? withCommas(value) : decimal(value);
  };

  /** Return a number with two decimals, or two digits where it is small; `none` where there is none. */
  const decimal = (value) => {
    if (value === null || value === undefined || Number.isNaN(value)) return "none";
    if (Math.abs(value) >= 1000) return withCommas(Math.round(value));
    return Math.abs(value) >= 0.995 || value === 0 ? value.toFixed(2) : value.toPrecision(2);
  };
  const plural = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
  const layersText = (data) => (data.nLayers === 1 ? "the only layer" : `layers 0 to ${data.nLayers - 1}`);
  Object.assign(attlas, { withCommas, number, decimal, plural });

  /** Return a residue as people write it: letter and position, `G191`; of a pair, whose it is. */
  attlas.nameResidue = (data, position) =>
    data.nameResidue ? data.nameResidue(position) : `${data.sequence[position - 1]}${position}`;

  /** Return a statistic's column name in words. */
  attlas.nameStatistic = (name) => name.replaceAll("_", " ").replace(/beyond(\d+)/, "beyond $1");

  /** Return what a statistic of a head is, as the atlas's table says it; nothing of what is no statistic. */
  attlas.describeStatistic = (data, name) => data.model.statistics?.[name] ?? "";

  /** Return the answer in three parts: what is underlined, what is said as loud, and what follows. */
  attlas.answer = (data) => {
    const { protein, sites } = data;
    if (protein.status !== "ok") return [`Not computed: ${protein.reason || protein.status}.`, "", ""];
    if (data.json.sites === null) return ["Sites are not computed in this atlas.", "", ""];
    if (!sites.length) {
      const reason = protein.sites_note ? `: ${protein.sites_note}` : "";
      const where =
        protein.layer === null ? "" : ` Attention converges in layer ${protein.layer} (${layersText(data)}).`;
      return [`No high-attention site${reason}.`, "", where];
    }

    const names = sites
      .slice(0, MOST_NAMED)
      .map((site) => `${site.residue}${site.position}`)
      .join(", ");
    const more = sites.length > MOST_NAMED ? ` and ${sites.length - MOST_NAMED} more` : "";
    const order = sites.length > 1 ? ", strongest first" : "";
    return [
      plural(sites.length, "high-attention site"),
      `: ${names}${more}`,
      ` in layer ${sites[0].layer}, where attention converges (${layersText(data)})${order}.`,
    ];
  };

  /**
   * Return the site at a position, if it is one of a layer: its number is that of the tables, while those of profiles
   * are of half the precision.
   */
  const siteIn = (data, layer, position) => {
    const site = data.receivedFrom ? undefined : data.siteAt.get(position);
    return site?.layer === layer ? site : undefined;
  };

  /** Return the largest attention received in a layer, as the tables have it where a site receives it. */
  attlas.largestReceived = (data, layer) => {
    const values = data.received[layer];
    const [, largest] = attlas.extent(values);
    return siteIn(data, layer, values.indexOf(largest) + 1)?.received ?? largest;
  };

  /** Return what one line says of a residue, in parts. */
  attlas.describeResidue = (data, state, position) => {
    const parts = [];
    const values = data.received?.[state.layer];
    if (values) {
      const value = values[position - 1];
      const exact = siteIn(data, state.layer, position)?.received ?? value;
      if (Number.isNaN(value)) return [`layer ${state.layer} is not in this page`];
      const rank = 1 + values.reduce((count, other) => count + (other > value ? 1 : 0), 0);
      parts.push(
        `receives ${decimal(exact)}${fromText(data)} in layer ${state.layer}, ${number(rank)} of ${number(data.nResidues)}`,
      );
    }
    const site = data.siteAt.get(position);
    if (site) parts.push(`site of rank ${site.rank}`);

    // The protein's known residues: those here, or the nearest within four.
    const { at, near } = attlas.featuresNear(data, position);
    parts.push(...at.slice(0, 3).map(describeFeature));
    if (at.length > 3) parts.push(`${at.length - 3} more features`);
    if (near) parts.push(`${near.feature.type.toLowerCase()} ${spanText(near.feature)} is ${near.distance} away`);

    if (data.links) {
      const all = data.links.byResidue.get(position) ?? [];
      const indices = all.filter((k) => data.links.head[k] === state.head);
      const inward = indices.filter((k) => data.links.j[k] === position).length;
      if (indices.length) parts.push(`head ${state.headName}: ${inward} links in, ${indices.length - inward} out`);

      // The other question that people have: what looks at this residue, in any head?
      const strongest = all.reduce(
        (best, k) => (best === null || data.links.value[k] > data.links.value[best] ? k : best),
        null,
      );
      const nHeads = new Set(all.map((k) => data.links.head[k])).size;
      if (nHeads > 1)
        parts.push(`links in ${nHeads} heads, strongest in ${state.nameHead(data.links.head[strongest])}`);
    }
    for (const track of data.tracks.slice(0, MOST_TRACKS)) {
      const value = track.values[position - 1];
      if (!Number.isNaN(value)) parts.push(`${track.name} ${number(value)}${track.unit ? ` ${track.unit}` : ""}`);
    }
    if (data.structureAt && !data.structureAt.has(position)) parts.push("not in the structure");
    return parts;
  };

  const fromText = (data) => (data.receivedFrom ? ` from ${data.receivedFrom}` : "");
  const spanText = (feature) =>
    feature.begin === feature.end ? `${feature.begin}` : `${feature.begin}–${feature.end}`;
  const describeFeature = (feature) => {
    const what = feature.description ? `: ${feature.description}` : "";
    return `${feature.type.toLowerCase()}${feature.begin === feature.end ? "" : ` ${spanText(feature)}`}${what}`;
  };
  Object.assign(attlas, { spanText, describeFeature, fromText });

  /** Return how many edges a head has; undefined where the page has no numbers of heads. */
  const countEdges = (data, head) => data.heads?.statistics.n_edges?.[head];
  attlas.countEdges = countEdges;

  /** Return how many of a head's edges are drawn: an atlas keeps a choice of links, and counts all edges. */
  attlas.describeLinks = (data, head) => {
    if (!data.links) return "This atlas has no links: attlas links adds them.";
    if (data.describeLinks) return data.describeLinks(head);
    const indices = data.links.byHead[head];
    const theta = data.model.theta;
    const nEdges = countEdges(data, head);
    const strong = indices.filter((k) => data.links.value[k] >= theta).length;
    const weaker = indices.length - strong;
    const total = nEdges === undefined ? plural(strong, "edge") : `${number(strong)} of ${plural(nEdges, "edge")}`;
    return `${total} of ${theta} or more shown${weaker ? `, and ${plural(weaker, "weaker link")}` : ""}.`;
  };

  /** Return which residues a head links: those attended to by most others, and the pairs that attend to each other. */
  attlas.describePartners = (data, head) => {
    const { links } = data;
    const indices = links.byHead[head];
    if (!indices.length) return "";

    const nInto = new Map();
    for (const k of indices) nInto.set(links.j[k], (nInto.get(links.j[k]) ?? 0) + 1);
    const targets = [...nInto].sort((a, b) => b[1] - a[1] || a[0] - b[0]).filter(([, count]) => count > 1);
    const targetsText = targets
      .slice(0, MOST_PARTNERS)
      .map(([position, count]) => `${attlas.nameResidue(data, position)} by ${count}`);

    const isLinked = new Set(indices.map((k) => `${links.i[k]}-${links.j[k]}`));
    const pairs = indices.filter((k) => links.i[k] < links.j[k] && isLinked.has(`${links.j[k]}-${links.i[k]}`));
    const pairsText = pairs
      .slice(0, MOST_PARTNERS)
      .map((k) => `${attlas.nameResidue(data, links.i[k])} and ${attlas.nameResidue(data, links.j[k])}`);

    const residues = new Set(indices.flatMap((k) => [links.i[k], links.j[k]]));
    const parts = [`${plural(indices.length, "link")} among ${plural(residues.size, "residue")}.`];
    if (targets.length) parts.push(`Attended to most: ${withMore(targetsText, targets.length)}.`);
    if (pairs.length) parts.push(`Each attends to the other: ${withMore(pairsText, pairs.length)}.`);
    return parts.join(" ");
  };

  const withMore = (texts, count) =>
    `${texts.join(", ")}${count > texts.length ? `, ${count - texts.length} more` : ""}`;

  /** Return why edges of a head are not among its links; nothing where all of them are. */
  attlas.explainChoice = (data, head) => {
    const { links, model } = data;
    const nEdges = countEdges(data, head) ?? 0;
    const nStrong = links.byHead[head].filter((k) => links.value[k] >= model.theta).length;
    if (nStrong >= nEdges) return "";
    const budget = links.perResidue ? `about ${plural(links.perResidue, "link")} for each residue` : "a choice of links";
    return (
      `An atlas keeps ${budget}, of all heads, far pairs before near ones, and of those into one residue the strongest. ` +
      "A residue's attention to itself counts as an edge, and is no link."
    );
  };
})();
