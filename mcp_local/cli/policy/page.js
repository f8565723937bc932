"use strict";
{
  const [form, count] = ["filters", "count"].map((id) => document.getElementById(id));
  const [search, kind, role, usable] = ["search", "kind", "role", "usable"].map(
    (id) => document.getElementById(id),
  );
  const rows = [...document.querySelectorAll("tbody tr")];
  const columns = [...document.querySelectorAll("[data-role]")];
  const texts = new Map(
    rows.map((row) => [row, row.querySelector("th").textContent.toLowerCase()]),
  );

  const fits = (row, words) =>
    (kind.value === "" || row.dataset.kind === kind.value) &&
    words.every((word) => texts.get(row).includes(word)) &&
    (!usable.checked ||
      [...row.querySelectorAll("td[data-role]:not(.deny)")].some(
        (cell) => role.value === "" || cell.dataset.role === role.value,
      ));

  const show = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) row.hidden = !fits(row, words);
    for (const cell of columns) {
      cell.hidden = role.value !== "" && cell.dataset.role !== role.value;
    }
    count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`;
  };

  form.addEventListener("input", show);
  form.addEventListener("reset", () => setTimeout(show));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  show();
}
