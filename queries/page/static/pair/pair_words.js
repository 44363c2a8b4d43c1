// What the page of a pair says in words. Pure: data in, text out.
"use strict";

(() => {
  const ORDERS = {
    mean: () => "mean of both orders",
    forward: (first, second) => `forward: ${first} before ${second}`,
    reverse: (first, second) => `reverse: ${second} before ${first}`,
  };
  const FORMS = {
    gap: "a gap of positions without letters",
    linker: "a linker of glycines, which counts for nothing",
    ends: "the end of one and the start of the other",
    separators: "two end tokens",
  };

  /** Return the labels of the protein that attends and of the one attended to. */
  attlas.directionOf = (data) => {
    const labels = data.proteins.map((protein) => protein.label);
    return data.place === 1 ? labels : labels.reverse();
  };
  attlas.nameOrder = (data, order) => ORDERS[order](...data.proteins.map((protein) => protein.label));
  attlas.describeForm = (form) => `joined by ${FORMS[form] ?? form} (form ${form})`;

  /** Return how many of a head's links are kept, and how many edges it has. */
  attlas.describeAcross = (data, head) => {
    const indices = data.links.byHead[head];
    const { theta } = data.model;
    const nStrong = indices.filter((k) => data.links.value[k] >= theta).length;
    const nEdges = data.heads.statistics.n_edges_across[head];
    const mean = data.order === "mean" ? ", the mean of both orders" : "";
    const [query, key] = attlas.directionOf(data);
    return (
      `${attlas.plural(indices.length, "link")} of ${query} to ${key} kept, ${attlas.number(nStrong)} of attention ` +
      `${theta} or more; the head has ${attlas.number(nEdges)} such edges${mean}.`
    );
  };

  /** Return how many links are drawn of how many. */
  attlas.describeShown = (data, state) => {
    const shown = attlas.shownLinks(data, state);
    const all = data.links.value.length;
    const which = state.values.shown === "head" ? `of head ${state.headName}` : "strongest of all heads";
    const orders = data.order === "mean" ? "of both orders, the larger weight where both have it" : `${data.order} order`;
    return (
      `${attlas.number(shown.length)} of ${attlas.plural(all, "link")} from ${attlas.directionOf(data).join(" to ")}: ` +
      `those ${which} (${orders}).` +
      (all ? "" : " None of this direction is kept.")
    );
  };

  /** Return the answer in three parts, as that of a protein: what is underlined, what is said as loud, what follows. */
  attlas.answerOfPair = (data) => {
    const { weight, place, layer, head, i, j } = data.json.links;
    const [first, second] = data.proteins;
    if (!weight.length) return [`No link across of ${first.label} and ${second.label} is kept.`, "", ""];
    const k = attlas.strongestLink(data.json);
    const [query, key] = place[k] === 1 ? [first, second] : [second, first];
    const name = (protein, position) => `${protein.sequence[position - 1]}${position} of ${protein.label}`;
    return [
      "Strongest link across",
      `: ${name(query, i[k])} to ${name(key, j[k])}`,
      `, ${attlas.decimal(weight[k])} in head ${layer[k]}-${head[k]}.`,
    ];
  };

  /** Return what one line says of a residue, in parts: as a protein's page does, then its links across. */
  attlas.describeResidueOfPair = (data, state, position) => {
    const [protein, local] = attlas.proteinAt(data, position);
    const parts = attlas.describeResidue(protein, state, local);
    if (data.structureAt && !data.structureAt.has(position)) parts.push("not in the structure");

    const indices = data.links.byResidue.get(position) ?? [];
    const ofHead = indices.filter((k) => data.links.head[k] === state.head);
    if (ofHead.length) {
      const [k] = ofHead;
      const other = data.links.i[k] === position ? data.links.j[k] : data.links.i[k];
      const verb = data.links.i[k] === position ? "attends to" : "is attended to by";
      parts.push(`${verb} ${data.nameResidue(other)}, ${attlas.decimal(data.links.value[k])} in head ${state.headName}`);
    }
    if (indices.length) {
      const nHeads = new Set(indices.map((k) => data.links.head[k])).size;
      parts.push(`${attlas.plural(indices.length, "link")} across in ${attlas.plural(nHeads, "head")}`);
    }
    const nKnown = knownOf(data, position);
    if (nKnown) parts.push(`${attlas.plural(nKnown, "known contact")} across`);
    return parts;
  };

  const knownOf = (data, position) => {
    const [, local, k] = attlas.proteinAt(data, position);
    return (data.known?.[k ? "j" : "i"] ?? []).filter((other) => other === local).length;
  };

  /** Return what is known of two residues, one of either protein, in one sentence. */
  attlas.describeCell = (data, state, i, j) => {
    const names = [i, j + data.nFirst].map(data.nameResidue).join(" × ");
    const link = attlas.shownLinks(data, state).find((k) => {
      const cell = attlas.cellOf(data, k);
      return cell[0] === i && cell[1] === j;
    });
    const contact = data.contacts.i.findIndex((value, k) => value === i && data.contacts.j[k] === j);
    const distance = data.knownAt.get(`${i}-${j}`);
    const parts = [
      link !== undefined &&
        `link ${attlas.decimal(data.links.value[link])} in head ${state.nameHead(data.links.head[link])}`,
      contact >= 0 && `contact ${data.contacts.name} ${attlas.decimal(data.contacts.value[contact])}`,
      distance !== undefined && `known contact${distance === null ? "" : `, ${attlas.decimal(distance)} Å`}`,
    ].filter(Boolean);
    return `${names}: ${parts.length ? parts.join(" · ") : "nothing is kept of these two"}.`;
  };
})();
