// Reads the JSON object of a protein's page (`queries/page/protein_data.py` describes it) into what the views draw:
// typed arrays, links by head and by residue, features by type. Nothing here touches the page.
"use strict";
globalThis.attlas ??= {};

(() => {
  // What interests most comes first among the types of features; all others follow by name.
  const FIRST_TYPES = [
    "active site",
    "binding site",
    "site",
    "metal binding",
    "modified residue",
    "disulfide bond",
    "glycosylation",
    "lipidation",
    "cross-link",
    "mutagenesis",
    "domain",
    "transmembrane",
    "motif",
    "region",
  ];
  const KNOWN_SITE_TYPES = ["active site", "binding site", "site", "metal binding", "modified residue"];
  attlas.KNOWN_SITE_TYPES = KNOWN_SITE_TYPES;

  /** Return what the header says of a protein, from the object or from its parts `protein`, `sites`, `model` and so on. */
  attlas.readHeading = (json) => ({
    ...json,
    json,
    nLayers: json.model.n_layers,
    sites: [...(json.sites ?? [])].sort((a, b) => a.rank - b.rank),
    families: json.families ?? [],
  });

  /** Return the object's numbers as the views need them. Layers and heads count from 0, positions from 1. */
  attlas.readData = (json) => {
    if (json.format !== 1)
      throw new Error(`This page reads data of format 1, and was given format ${json.format}.`);
    const heading = attlas.readHeading(json);
    const { nLayers, sites } = heading;
    const nHeads = json.model.n_heads;
    const sequence = json.protein.sequence ?? "";
    const nResidues = sequence.length;
    const links = json.links && attlas.readLinks(json.links, nHeads, nLayers * nHeads);

    return {
      ...heading,
      sequence,
      nHeads,
      nResidues,
      links,
      siteAt: new Map(sites.map((site) => [site.position, site])),
      received: json.received && attlas.readReceived(json.received, nLayers, nResidues),
      features: [...(json.features ?? [])].sort((a, b) => a.begin - b.begin || a.end - b.end),
      featureTypes: featureTypes(json.features ?? []),
      contacts: json.contacts && readArcs(json.contacts.i, json.contacts.j, json.contacts.probability),
      tracks: (json.tracks ?? []).map((track) => readTrack(track, nResidues)),
      variants: json.variants ?? [],
    };
  };

  /** Return received attention as one Float32Array of N residues for each layer. */
  attlas.readReceived = (received, nLayers, nResidues) => {
    if (received.encoding !== "float16-base64")
      throw new Error(`Attention is encoded as ${received.encoding}, not as float16-base64.`);
    const text = atob(received.data);
    const halves = new Uint16Array(text.length / 2);
    for (let k = 0; k < halves.length; k++) halves[k] = text.charCodeAt(2 * k) | (text.charCodeAt(2 * k + 1) << 8);
    if (halves.length !== nLayers * nResidues)
      throw new Error(`${halves.length} numbers of attention for ${nLayers} layers of ${nResidues} residues.`);

    const values = Float32Array.from(halves, attlas.halfToNumber);
    return Array.from({ length: nLayers }, (_, layer) =>
      values.subarray(layer * nResidues, (layer + 1) * nResidues),
    );
  };

  /** Return the number whose IEEE 754 half precision bits are given. */
  attlas.halfToNumber = (bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  };

  /** Return arcs from positions i to j with a value each, as typed arrays. */
  const readArcs = (i, j, value) => ({
    i: Int32Array.from(i),
    j: Int32Array.from(j),
    value: Float32Array.from(value),
  });

  /** Return links as arcs, with the indices of each head's links, strongest first. */
  attlas.readLinks = (links, nHeads, nMaps) => {
    const arcs = readArcs(links.i, links.j, links.weight);
    const map = Int32Array.from(links.layer, (layer, k) => layer * nHeads + links.head[k]);
    const byHead = Array.from({ length: nMaps }, () => []);
    map.forEach((head, k) => byHead[head].push(k));
    for (const indices of byHead) indices.sort((a, b) => arcs.value[b] - arcs.value[a] || a - b);

    const byResidue = new Map();
    for (let k = 0; k < map.length; k++) {
      for (const position of [arcs.i[k], arcs.j[k]]) {
        if (!byResidue.has(position)) byResidue.set(position, []);
        byResidue.get(position).push(k);
      }
    }
    return { ...arcs, head: map, byHead, byResidue, floor: links.floor, perResidue: links.per_residue };
  };

  /** Return a numeric track with a value for every residue (NaN where it has none), its smallest and its largest. */
  const readTrack = (track, nResidues) => {
    const values = new Float32Array(nResidues).fill(NaN);
    track.positions.forEach((position, k) => {
      values[position - 1] = track.values[k] ?? NaN;
    });
    const present = values.filter((value) => !Number.isNaN(value));
    const [smallest, largest] = attlas.extent(present);
    return { ...track, values, smallest, largest, nValues: present.length };
  };

  /** Return the types of features: name and features, what interests most first. */
  const featureTypes = (features) => {
    const byType = Map.groupBy ? Map.groupBy(features, (feature) => feature.type) : groupByType(features);
    const place = (type) => {
      const index = FIRST_TYPES.indexOf(type.toLowerCase());
      return index < 0 ? FIRST_TYPES.length : index;
    };
    return [...byType]
      .map(([type, members]) => ({ type, features: members }))
      .sort((a, b) => place(a.type) - place(b.type) || a.type.localeCompare(b.type));
  };

  const groupByType = (features) => {
    const groups = new Map();
    for (const feature of features) groups.set(feature.type, [...(groups.get(feature.type) ?? []), feature]);
    return groups;
  };

  /** Return the smallest and the largest of some numbers; of none, 0 and 0. */
  attlas.extent = (values) => {
    let smallest = Infinity,
      largest = -Infinity;
    for (const value of values) {
      if (value < smallest) smallest = value;
      if (value > largest) largest = value;
    }
    return smallest > largest ? [0, 0] : [smallest, largest];
  };

  /**
   * Return the largest value in each of `nBins` equal parts of residues begin..end, NaN where a part has no value.
   * A peak of one residue is seen however far out the view is; where residues are wider than a part, parts repeat them.
   */
  attlas.binLargest = (values, begin, end, nBins) => {
    const bins = new Float32Array(nBins).fill(NaN);
    const perBin = (end - begin + 1) / nBins;
    for (let bin = 0; bin < nBins; bin++) {
      const from = begin - 1 + Math.floor(bin * perBin);
      const to = Math.max(from + 1, begin - 1 + Math.floor((bin + 1) * perBin));
      for (let k = from; k < to; k++)
        if (!(values[k] <= bins[bin])) bins[bin] = Number.isNaN(values[k]) ? bins[bin] : values[k];
    }
    return bins;
  };

  /** Return the head, as layer * nHeads + head, whose links touch the sites with the largest sum of weights. */
  attlas.openingHead = (data) => {
    const { links, siteAt } = data;
    const sums = new Float64Array(data.nLayers * data.nHeads);
    if (links) {
      for (let k = 0; k < links.head.length; k++) {
        const isAtSite = siteAt.has(links.j[k]) || siteAt.has(links.i[k]);
        // Without sites, or without links at them, the head of the strongest long-range links opens.
        const isFar = Math.abs(links.i[k] - links.j[k]) >= 6;
        sums[links.head[k]] += isAtSite ? links.value[k] : isFar ? 1e-6 * links.value[k] : 0;
      }
    } else if (data.heads) {
      sums.set(data.heads.statistics.received_max_share ?? Object.values(data.heads.statistics)[0]);
    }
    return sums.indexOf(Math.max(...sums));
  };

  /** Return what is annotated at a residue, and the known site nearest to it (at most `within` residues away). */
  attlas.featuresNear = (data, position, within = 4) => {
    const at = data.features.filter(
      (feature) => feature.begin <= position && position <= feature.end && !isBond(feature),
    );
    at.push(
      ...data.features.filter(
        (feature) => isBond(feature) && (feature.begin === position || feature.end === position),
      ),
    );
    let near = null;
    for (const feature of data.features) {
      if (!KNOWN_SITE_TYPES.includes(feature.type.toLowerCase()) || at.includes(feature)) continue;
      const distance = Math.max(feature.begin - position, position - feature.end);
      if (distance <= within && (!near || distance < near.distance)) near = { feature, distance };
    }
    return { at, near };
  };

  /** Say whether a feature joins two residues rather than spans from one to the other. */
  const isBond = (feature) => ["disulfide bond", "cross-link"].includes(feature.type.toLowerCase());
  attlas.isBond = isBond;

  /** Say whether a feature is a known active or binding residue: drawn as sticks in the structure. */
  attlas.isKnownSite = (feature) => ["active site", "binding site"].includes(feature.type.toLowerCase());
})();
