"use strict";
globalThis.attlas ??= {};
attlas.start = (data) => { document.getElementById("name").textContent = data.protein.accession; };
const element = document.getElementById("attlas-data");
if (element) attlas.start(JSON.parse(element.textContent));
