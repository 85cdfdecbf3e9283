// The receipt into the clipboard or a file; it goes nowhere else.
{
  const receipt = document.getElementById("receipt").textContent.trim(), told = document.getElementById("told");
  document.querySelector(".jsonly").hidden = false;
  document.getElementById("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(receipt);
      told.textContent = "Copied.";
    } catch {
      getSelection().selectAllChildren(document.getElementById("receipt"));
      told.textContent = "Selected: copy it with the keyboard.";
    }
  });
  document.getElementById("download").addEventListener("click", (event) => {
    const link = document.createElement("a");
    link.href =
      URL.createObjectURL(new Blob([`InferenceBench, report ${event.target.dataset.number}\nReceipt: ${receipt}\n`],
        { type: "text/plain" }));
    link.download = `receipt-${event.target.dataset.number}.txt`;
    link.click();
    URL.revokeObjectURL(link.href);
    told.textContent = "Saved.";
  });
}
