// The header of the page: what the protein is called, the answer as a sentence, where both are from. A page that holds an
// element `attlas-heading` shows it at once, while the rest of the data is on its way or is being read.
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);

  // UniProt's own rule of what an accession is, with the number of an isoform.
  const UNIPROT = /^([OPQ]\d[A-Z\d]{3}\d|[A-NR-Z]\d(?:[A-Z][A-Z\d]{2}\d){1,2})(-\d+)?$/;

  /** Write names, answer, identity and provenance; they are all that is needed of the object of the page. */
  attlas.writeHeader = (json) => {
    const data = attlas.readHeading(json);
    const { protein, provenance } = data;
    attlas.hasHeader = true;
    byId("attlas").hidden = false;

    const name = protein.description || protein.entry_name || protein.accession;
    byId("name").append(isolated(name), " ");
    const other = [protein.entry_name, protein.accession].filter((text) => text && text !== name);
    if (other.length) byId("name").append(attlas.element("small", {}, ...joined(other.map(isolated))));
    const [count, names, rest] = attlas.answer(data);
    byId("answer").append(attlas.element("strong", {}, attlas.element("span", {}, count), names), rest);
    byId("answer").classList.toggle("none", !data.sites.length);

    const parts = [
      attlas.plural(protein.length, "residue"),
      protein.gene && isolated(`gene ${protein.gene}`),
      protein.organism && isolated(protein.organism),
      ...links(protein.accession),
    ];
    byId("identity").append(...joined(parts.filter(Boolean)));
    for (const family of data.families.slice(0, 3))
      byId("identity").append(" · ", isolated([family.database, family.name || family.family].filter(Boolean).join(" ")));

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
  };

  /** Write what is to be known of the data: what was left out, and what the sites are. */
  attlas.writeNotes = ({ protein, sites, thinned }) => {
    const notes = [...(thinned ?? []), ...(protein.sites_note && sites?.length ? [protein.sites_note] : [])];
    byId("notes").append(...notes.map((note) => attlas.element("li", {}, note)));
    byId("notes").hidden = !notes.length;
  };

  /** Return links to UniProt and AlphaFold DB, of an accession that is theirs. */
  function links(accession) {
    const match = UNIPROT.exec(accession);
    if (!match) return [];
    const anchor = (text, href) =>
      attlas.element("a", { href, rel: "noopener noreferrer", target: "_blank" }, text);
    const uniprot = anchor("UniProt", `https://www.uniprot.org/uniprotkb/${accession}/entry`);
    if (match[2]) return [uniprot]; // AlphaFold DB has the canonical sequence, which is another one
    return [uniprot, anchor("AlphaFold DB", `https://alphafold.ebi.ac.uk/entry/${accession}`)];
  }
  // A name that changes the direction of writing changes it within itself alone.
  const isolated = (text) => attlas.element("bdi", {}, text);
  const joined = (parts) => parts.flatMap((part, k) => (k ? [" · ", part] : [part]));

  const element = byId("attlas-heading");
  if (element) {
    attlas.writeHeader(JSON.parse(element.textContent));
    // A server that fails half way can only end the document.
    addEventListener("load", () => {
      if (attlas.hasArrived) return;
      byId("notes").append(attlas.element("li", {}, "The rest of this page has not arrived. Load it again."));
      byId("notes").hidden = false;
    });
  }
})();
