// What the pages do beyond HTML: ask a question or a query and show its rows, sort them, copy the command line, load the
// drawings of the start page. Texts of an atlas are only ever set as text, never as HTML.
"use strict";

/** Characters from which on a text may be broken anywhere. */
const LONG = 40;
const FORMATS = { csv: "CSV", json: "JSON", arrow: "Arrow", parquet: "Parquet" };

/** Return a new element with text and attributes. */
function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** Return a value as a table shows it; `null` is empty. */
function cellText(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toPrecision(6)));
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Compare two values of a column: numbers by size, all else as text, empty ones last. */
function compare(left, right, sign) {
  if (left === null || right === null) return (left === null) - (right === null);
  const isNumber = typeof left === "number" && typeof right === "number";
  return sign * (isNumber ? left - right : cellText(left).localeCompare(cellText(right), "en", { numeric: true }));
}

/** Return a table of rows whose headings sort it; `docs` says what the columns mean. */
function rowsTable(rows, docs) {
  const names = rows.length ? Object.keys(rows[0]) : [];
  const numbers = new Set(names.filter((name) => rows.every((row) => row[name] === null || typeof row[name] === "number")));
  const table = element("table");
  const head = table.createTHead().insertRow();
  const body = table.createTBody();

  function fill(ordered) {
    const lines = ordered.map((row) => {
      const line = element("tr");
      for (const name of names) {
        const text = cellText(row[name]);
        const kind = numbers.has(name) ? "number" : text.length > LONG ? "long" : "";
        const cell = element("td", "", kind ? { class: kind } : {});
        const isProtein = name === "accession" && typeof row[name] === "string";
        cell.append(isProtein ? element("a", text, { href: `/protein/${encodeURIComponent(text)}` }) : text);
        line.append(cell);
      }
      return line;
    });
    body.replaceChildren(...lines);
  }

  for (const name of names) {
    const heading = element("th", "", numbers.has(name) ? { class: "number", scope: "col" } : { scope: "col" });
    const button = element("button", name, { type: "button", title: docs[name] || `Sort by ${name}` });
    button.addEventListener("click", () => {
      const isAscending = heading.getAttribute("aria-sort") !== "ascending";
      for (const other of head.cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", isAscending ? "ascending" : "descending");
      fill([...rows].sort((left, right) => compare(left[name], right[name], isAscending ? 1 : -1)));
    });
    heading.append(button);
    head.append(heading);
  }
  fill(rows);
  return table;
}

/** Return an error of the API as a box: what is wrong, what was expected and found, what to do. */
function problemBox(problem) {
  const box = element("div", "", { class: "problem", role: "alert" });
  const lines = (text) => (text.includes("\n") ? { class: "lines" } : {}); // a query, with the place marked below it
  const detail = problem.detail || "The server does not answer.";
  box.append(element("p", detail, lines(detail)));
  const list = element("dl");
  for (const [name, key] of [["Expected", "expected"], ["Found", "found"], ["To do", "hint"]]) {
    if (problem[key]) list.append(element("dt", name), element("dd", problem[key], lines(problem[key])));
  }
  for (const offender of problem.offenders || []) list.append(element("dd", offender));
  box.append(list);
  return box;
}

/** Return a word as a shell takes it. */
function shellWord(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Ask by `request(format, limit)`, which returns what `fetch` takes, and show rows, notes and downloads. */
async function showAnswer({ request, docs, command, name }) {
  const place = document.querySelector(".results");
  const [status, notes, scroll, downloads, code] = [".status", ".notes", ".scroll", ".downloads", ".command code"].map(
    (selector) => place.querySelector(selector));
  const button = document.querySelector("button.main");
  const maxRows = Number(place.dataset.rows);
  place.hidden = false;
  button.disabled = true;
  notes.replaceChildren();
  downloads.replaceChildren();
  scroll.replaceChildren();
  code.textContent = command;
  status.textContent = "Asking …";
  const started = performance.now();
  const timer = setInterval(() => {
    status.textContent = `Asking … ${Math.round((performance.now() - started) / 1000)} s`;
  }, 1000);

  try {
    const response = await fetch(...request("json", maxRows));
    if (!response.ok) {
      scroll.append(problemBox(await response.json()));
      status.textContent = "";
      return;
    }
    const rows = await response.json();
    const hasMore = response.headers.get("Attlas-More-Rows") === "true";
    const counted = `${rows.length.toLocaleString("en")} row${rows.length === 1 ? "" : "s"}`;
    status.textContent = hasMore ? `The first ${counted}; the downloads have all.` : `${counted}.`;
    for (const text of JSON.parse(response.headers.get("Attlas-Notes") || "[]")) notes.append(element("li", text));
    if (rows.length) scroll.append(rowsTable(rows, docs));
    downloads.append(...Object.keys(FORMATS).map((format) => downloadLink(request(format, null), name, format)));
  } catch (error) {
    scroll.append(problemBox({ detail: `The server does not answer: ${error.message}` }));
    status.textContent = "";
  } finally {
    clearInterval(timer);
    button.disabled = false;
  }
}

/** Return what downloads an answer: a link, or for a POST a button that fetches it. */
function downloadLink([url, options], name, format) {
  const file = `${name}.${format}`;
  if (!options) return element("a", FORMATS[format], { href: url, download: file });
  const button = element("button", FORMATS[format], { type: "button" });
  button.addEventListener("click", async () => {
    const response = await fetch(url, options);
    if (!response.ok) {
      document.querySelector(".results .scroll").replaceChildren(problemBox(await response.json()));
      return;
    }
    const link = element("a", "", { href: URL.createObjectURL(await response.blob()), download: file });
    link.click();
    URL.revokeObjectURL(link.href);
  });
  return button;
}

/** Return what `fetch` takes to POST a value as JSON. */
function post(url, format, value) {
  return [`${url}?format=${format}`,
    { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) }];
}

/** Make the form of a question ask it here instead of leading to the API. */
function prepareQuestion(form) {
  const { question, place } = form.dataset;
  const docs = JSON.parse(form.dataset.docs);
  const longNames = form.dataset.long.split(" ").filter(Boolean);

  function ask() {
    // What is as it is by default is left out: the address and the command say only what was chosen.
    const fields = [...form.elements].filter((field) => field.name && field.value !== field.dataset.default);
    const parameters = Object.fromEntries(fields.map((field) => [field.name, field.value]));
    const isLong = longNames.some((name) => parameters[name]);
    const words = fields.map(({ name, value }) => shellWord(longNames.includes(name) ? `${name}=FILE` : `${name}=${value}`));
    const command = ["attlas", "ask", shellWord(place), question, ...words].join(" ");
    const request = (format, limit) => {
      if (isLong) return post("/api/v1/ask", format, { question, parameters, ...(limit && { limit }) });
      const query = new URLSearchParams({ ...parameters, format, ...(limit && { limit }) });
      return [`/api/v1/questions/${question}?${query}`];
    };
    if (!isLong) history.replaceState(null, "", `?${new URLSearchParams(parameters)}`);
    showAnswer({ request, docs, command, name: question });
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  if (form.dataset.ready === "yes") ask();
}

/** Make the box of SQL ask here; Ctrl-Enter asks as well. */
function prepareSql(form) {
  const box = form.elements.query;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const query = box.value;
    showAnswer({
      request: (format, limit) => post("/api/v1/sql", format, { query, ...(limit && { limit }) }),
      docs: {},
      command: `attlas sql ${shellWord(form.dataset.place)} ${shellWord(query)}`,
      name: "answer",
    });
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
}

/** Leave the empty fields of a form out of the address that it leads to. */
function leaveOutEmpty(form) {
  form.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData.entries()]) if (value === "") event.formData.delete(name);
  });
}

/** Load a piece of a page that the server makes from its own templates. */
async function load(place) {
  try {
    const response = await fetch(place.dataset.load);
    if (response.ok) place.innerHTML = await response.text();
    else place.replaceChildren(problemBox(await response.json()));
  } catch (error) {
    place.replaceChildren(problemBox({ detail: `The server does not answer: ${error.message}` }));
  }
}

document.querySelectorAll("form.ask").forEach(prepareQuestion);
document.querySelectorAll("form.sql").forEach(prepareSql);
document.querySelectorAll("form.export").forEach(leaveOutEmpty);
document.querySelectorAll("[data-load]").forEach(load);
document.querySelectorAll("[data-reload]").forEach((place) => setTimeout(() => location.reload(), 1000 * place.dataset.reload));
document.querySelectorAll(".command button").forEach((button) => {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
    button.textContent = "Copied";
  });
});
