// A shared scenario follows # in the address. It is taken out before anything else runs, so that nothing can send it.
if (location.hash.startsWith("#s=")) {
  window.sharedScenario = location.hash.slice(3);
  history.replaceState(history.state, "", location.pathname + location.search);
}
// Runs before the first paint, so nothing moves after it: says that scripts run, and sets the theme chosen in this
// browser.
document.documentElement.dataset.js = "";
try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be forbidden; then the system's theme holds.
}
