"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
document.getElementById("name").textContent = data.protein.accession;
