// Anonymous buckets; /status shows sums.
{
  const { page, ...edges } = document.currentScript.dataset;
  const rank = (name, value) => {
    const all = edges[name].split(" "), at = all.findIndex((edge) => value <= edge);
    return at < 0 ? all.length : at;
  };
  const time = (kind) => performance.getEntriesByType(kind)[0];
  let shift = 0, errors = 0, sent;
  addEventListener("error", () => errors++);
  try {
    new PerformanceObserver((list) => {
      for (const e of list.getEntries()) if (!e.hadRecentInput) shift += e.value;
    }).observe({ type: "layout-shift", buffered: true });
  } catch {}
  addEventListener("visibilitychange", () => {
    const end = time("navigation").loadEventEnd;
    if (!sent && end && document.hidden) sent = navigator.sendBeacon("/beacon", new URLSearchParams({
      page, load: rank("times", end), paint: rank("times", time("paint")?.startTime ?? end),
      shift: rank("shifts", shift * 1e3), errors: rank("errors", errors),
    }));
  });
}
