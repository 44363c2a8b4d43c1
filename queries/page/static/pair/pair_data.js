// Reads the JSON object of a pair's page (`queries/page/pair_data.py` describes it). Each protein is read as on a page of
// its own; what is of both counts positions through: those of the second protein follow those of the first.
"use strict";

(() => {
  /**
   * Return the object's numbers as the views need them. `proteins` are the two; the other fields are as `readData` has
   * them, of both: sequence, sites, features, structure. `attlas.showChoice` sets `received`, `heads` and `links`.
   */
  attlas.readPair = (json) => {
    if (json.format !== 1)
      throw new Error(`This page reads data of format 1, and was given format ${json.format}.`);
    const proteins = json.proteins.map((part, k) => readProtein(json, part, k));
    const [first, second] = proteins;
    const nFirst = first.nResidues;
    const moved = (rows, names) => (k) =>
      rows(proteins[k]).map((row) => {
        const places = names.map((name) => [name, row[name] + k * nFirst]);
        return { ...row, ...Object.fromEntries(places) };
      });
    const ofBoth = (rows, names) => [0, 1].flatMap(moved(rows, names));
    const named = (site) => ({ ...site, name: `${site.residue}${site.position}` });
    const sites = ofBoth((protein) => protein.sites.map(named), ["position"]);

    const data = {
      json,
      model: json.model,
      pair: json.pair,
      protein: { accession: `${json.pair.accession}-${json.pair.partner}` },
      proteins,
      nFirst,
      nLayers: first.nLayers,
      nHeads: first.nHeads,
      nResidues: nFirst + second.nResidues,
      sequence: first.sequence + second.sequence,
      sites,
      siteAt: new Map(sites.map((site) => [site.position, site])),
      features: ofBoth((protein) => protein.features, ["begin", "end"]),
      orders: [...new Set(json.heads.map((block) => block.chain_order))].sort(orderOfOrders),
      contacts: readContacts(json.contacts),
      known: json.known_contacts,
      knownAt: new Map(),
      structure: json.structure && moveStructure(json.structure, nFirst),
    };
    data.known?.i.forEach((i, k) => data.knownAt.set(`${i}-${data.known.j[k]}`, data.known.distance[k]));
    data.nameResidue = (position) => {
      const [protein, local] = attlas.proteinAt(data, position);
      return `${protein.sequence[local - 1]}${local} of ${protein.label}`;
    };
    return data;
  };

  const orderOfOrders = (a, b) => ["mean", "forward", "reverse"].indexOf(a) - ["mean", "forward", "reverse"].indexOf(b);

  /** Return the protein that a position of both is in, and the position in it. */
  attlas.proteinAt = (data, position) => {
    const k = position > data.nFirst ? 1 : 0;
    return [data.proteins[k], position - k * data.nFirst, k];
  };

  const readProtein = (json, { protein, sites, features, ...received }, k) => {
    const data = attlas.readData({
      format: json.format,
      model: json.model,
      protein,
      sites,
      features,
      received: received.received_across,
    });
    const isPairedWithItself = json.pair.accession === json.pair.partner;
    const read = (values) => values && attlas.readReceived(values, data.nLayers, data.nResidues);
    return {
      ...data,
      label: isPairedWithItself ? `${protein.accession} (${k + 1})` : protein.accession,
      receivedOf: { across: data.received, within: read(received.received_within) },
    };
  };

  /** Return predicted contacts, best first, by probability, or by the score of fused heads where there is no other. */
  const readContacts = ({ i, j, probability, score }) => {
    const name = probability.some((value) => value !== null) ? "probability" : "score";
    const values = name === "score" ? score : probability;
    const best = [...values.keys()].filter((k) => values[k] !== null).sort((a, b) => values[b] - values[a]);
    const pick = (list) => best.map((k) => list[k]);
    return { name, i: pick(i), j: pick(j), value: pick(values), score: pick(score) };
  };

  const moveStructure = (structure, nFirst) => ({
    ...structure,
    chains: structure.chains.map((chain) => ({
      ...chain,
      positions: chain.positions.map((position) => position + (chain.place - 1) * nFirst),
    })),
  });

  /**
   * Set `received`, `heads` and `links` of the data to what is chosen: `received` (across or within), `place` (which
   * protein's residues attend) and `chain_order`.
   */
  attlas.showChoice = (data, { received, place, chain_order: order }) => {
    for (const protein of data.proteins) {
      protein.received = protein.receivedOf[received];
      protein.receivedFrom = received === "across" ? "its partner" : "itself";
    }
    const [first, second] = data.proteins;
    data.receivedFrom = received === "across" ? "the partner" : "the protein itself";
    data.received = first.received.map((values, layer) => Float32Array.of(...values, ...second.received[layer]));
    data.place = Number(place);
    data.order = order;
    data.heads = data.json.heads.find((block) => block.place === data.place && block.chain_order === order);
    data.links = chooseLinks(data, data.place, order);
    data.describeLinks = (head) => attlas.describeAcross(data, head);
  };

  /** Return the links of a direction; of the mean those of both orders, each pair of residues of a head once. */
  const chooseLinks = (data, place, order) => {
    const all = data.json.links;
    const strongest = new Map();
    all.weight.forEach((weight, k) => {
      if (all.place[k] !== place || (order !== "mean" && all.chain_order[k] !== order)) return;
      const key = [all.layer[k], all.head[k], all.i[k], all.j[k]].join(" ");
      if (!(all.weight[strongest.get(key)] >= weight)) strongest.set(key, k);
    });
    const kept = [...strongest.values()].sort((a, b) => all.weight[b] - all.weight[a] || a - b);
    const pick = (list, shift = 0) => kept.map((k) => list[k] + shift);
    const links = {
      layer: pick(all.layer),
      head: pick(all.head),
      i: pick(all.i, place === 1 ? 0 : data.nFirst),
      j: pick(all.j, place === 1 ? data.nFirst : 0),
      weight: pick(all.weight),
      floor: all.floor,
      per_residue: all.per_residue,
    };
    return attlas.readLinks(links, data.nHeads, data.nLayers * data.nHeads);
  };

  /** Return the links that are drawn, strongest first: those of the chosen head, or the strongest of all heads. */
  attlas.shownLinks = (data, state) => {
    if (state.values.shown === "head") return data.links.byHead[state.head];
    return Array.from({ length: Math.min(attlas.MOST_SHOWN, data.links.value.length) }, (_, k) => k);
  };
  attlas.MOST_SHOWN = 200;

  /** Return the position of a link's residue in the first protein, and of that in the second. */
  attlas.cellOf = (data, k) => {
    const [i, j] = [data.links.i[k], data.links.j[k]];
    return data.place === 1 ? [i, j - data.nFirst] : [j, i - data.nFirst];
  };

  /** Return the index of the strongest link of either direction and order; -1 where none is kept. */
  attlas.strongestLink = (json) => {
    const { weight } = json.links;
    return weight.indexOf(attlas.extent(weight)[1]);
  };
})();
