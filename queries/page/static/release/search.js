// The start page of a release: a box to find a protein, then its page. `?protein=ACCESSION` names the protein that is
// shown, `?find=TEXT` what was searched for; the page's own state stands behind the `#`.
"use strict";

(() => {
  const N_SHOWN = 50;
  const byId = (id) => document.getElementById(id);
  const facts = JSON.parse(byId("attlas-release").textContent);
  const release = new attlas.Release(facts, new URL(".", location.href));
  attlas.release = release; // for tests, and for whoever opens the console
  attlas.place = release.root.href;

  byId("release-title").textContent = `${facts.title}: ${attlas.withCommas(facts.n_proteins)} proteins`;
  byId("release-search").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = byId("release-text").value.trim();
    if (text) location.search = new URLSearchParams({ find: text });
  });

  const asked = new URLSearchParams(location.search);
  const accession = asked.get("protein");
  const text = asked.get("find");
  writeCommands(accession);
  if (accession !== null) run(() => show(accession));
  else if (text !== null) run(() => find(text));
  else {
    run(async () => {
      attlas.refuseFiles(release.root);
      say("Every protein of this release has a page, drawn here from its tables.");
    });
    byId("release-more").open = true;
  }

  async function find(text) {
    byId("release-text").value = text;
    say("Looking through the names …");
    const answer = await attlas.findProteins(release, text);
    const { hits, note } = answer;
    const whole = answer.isSmall === false ? " Words count whole or by their beginnings, since the release is large." : "";
    const protein = attlas.chooseProtein(answer);
    if (protein) {
      history.replaceState(null, "", `?${new URLSearchParams({ protein: protein.accession })}${location.hash}`);
      writeCommands(protein.accession);
      await show(protein.accession);
      return;
    }
    document.title = `${text} · ${facts.title}`;
    list(hits);
    const shown = hits.length > N_SHOWN ? `, the likeliest ${N_SHOWN} are shown` : "";
    const fit = hits.length === 1 ? "1 protein fits" : `${attlas.withCommas(hits.length)} proteins fit`;
    say((note ? `“${text}”: ${note}` : hits.length ? `${fit} “${text}”${shown}.`
      : `No protein of this release fits “${text}”. An identifier counts letter by letter; of a name, every word must be there.`) + whole);
  }

  async function show(accession) {
    byId("release-text").value = accession;
    say("Reading the tables …");
    const data = await attlas.gatherData(release, attlas.pastedAccession(accession));
    if (data === null) {
      await find(accession);
      return;
    }
    const { protein } = data;
    document.title = `${[protein.entry_name, protein.accession].filter(Boolean).join(" ")} · attlas`;
    attlas.data = data;
    say("");
    // From now on the protein is what the page is about.
    byId("release").setAttribute("role", "banner");
    byId("release-title").removeAttribute("role");
    byId("release-title").removeAttribute("aria-level");
    attlas.start(data);
    document.documentElement.dataset.shown = protein.accession;
  }

  function list(hits) {
    byId("release-hits").replaceChildren(...hits.slice(0, N_SHOWN).map((hit) => {
      const link = document.createElement("a");
      link.href = `?${new URLSearchParams({ protein: hit.accession })}`;
      link.textContent = hit.accession;
      const item = document.createElement("li");
      const names = [hit.entry_name, hit.gene, hit.description, hit.organism].filter(Boolean).join(" · ");
      item.append(link, names ? ` ${names}` : "", ` (${hit.fit})`);
      return item;
    }));
    byId("release-hits").hidden = !hits.length;
  }

  /** Write the commands that go on from here; an accession that a shell would take apart is left out. */
  function writeCommands(accession) {
    const root = release.root.href;
    const isPlain = accession !== null && /^[\w.-]+$/.test(accession);
    const where = isPlain ? ` WHERE accession = '${accession}'` : "";
    byId("release-commands").textContent = [
      ...(isPlain ? [`attlas show ${root} ${accession}`] : []),
      `attlas sql ${root} "SELECT * FROM sites${where}"`,
      `attlas ask ${root}`,
    ].join("\n");
  }

  function say(sentence) {
    byId("release-status").textContent = sentence;
    byId("release-status").classList.remove("fault");
  }

  async function run(task) {
    try {
      await task();
    } catch (fault) {
      say(fault instanceof attlas.HostFault ? fault.message : `This page failed: ${fault.message}. The command line reads the same tables.`);
      byId("release-status").classList.add("fault");
      document.documentElement.dataset.fault = "true";
      if (!(fault instanceof attlas.HostFault)) throw fault;
    } finally {
      document.documentElement.dataset.idle = "true";
    }
  }
})();
