// The server's answer clears the storage too, but browsers heed it over https only.
document.getElementById("clear-form").addEventListener("submit", () => {
  try {
    localStorage.clear();
    sessionStorage.clear();
  } catch {
    // Storage that is forbidden holds nothing.
  }
});
