(() => {
  const root = document.documentElement;
  const saved = () => localStorage.getItem("scidex-theme") || "auto";
  const show = (theme) => {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
  };
  show(saved());
  addEventListener("change", (event) => {
    if (!event.target.matches("[data-theme-choice]")) return;
    localStorage.setItem("scidex-theme", event.target.value);
    show(event.target.value);
  });
  const ago = (at) => {
    const s = Math.round((Date.now() - at) / 1000), d = Math.abs(s);
    const said = d < 90 ? `${d} s` : d < 5400 ? `${Math.round(d / 60)} min` : d < 172800 ? `${Math.round(d / 3600)} h` : `${Math.round(d / 86400)} d`;
    return s >= 0 ? `${said} ago` : `in ${said}`;
  };
  setInterval(() => {
    for (const each of document.querySelectorAll("time[data-age]")) each.dataset.said = ago(Date.parse(each.dateTime));
    for (const each of document.querySelectorAll("[data-theme-choice]")) if (each !== document.activeElement) each.value = saved();
  }, 500);
})();
