// One anonymous report a page view: which bucket its times fell into. No identifier, nothing typed or chosen; /status shows the counts.
(() => {
  const { page, ...edges } = document.getElementById("beacon").dataset;
  const bucket = (name, value) => {
    const found = edges[name].split(" ").findIndex((edge) => value <= edge);
    return found < 0 ? edges[name].split(" ").length : found;
  };
  let shift = 0, errors = 0, sent = false;
  addEventListener("error", () => errors++);
  try {
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) shift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
  } catch {
    // Not every browser tells of shifts; they then count as none.
  }
  addEventListener("visibilitychange", () => {
    const [load] = performance.getEntriesByType("navigation"), [paint] = performance.getEntriesByType("paint");
    if (sent || document.visibilityState !== "hidden" || !load?.loadEventEnd) return;
    sent = true;
    navigator.sendBeacon("/beacon", new URLSearchParams({
      page, load: bucket("times", load.loadEventEnd), paint: bucket("times", paint?.startTime ?? load.loadEventEnd),
      shift: bucket("shifts", shift * 1000), errors: bucket("errors", errors),
    }));
  });
})();
