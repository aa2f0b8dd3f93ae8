// Shows instants in the reader's own time zone. The document loads this before its body, so each instant changes after
// the browser parses it and before the browser paints it. lib/pages/time.ts writes them in UTC with the same options.
{
  const { dataset } = document.documentElement;
  const DAY_MS = 86_400_000;
  const OPTIONS = {
    exact: { dateStyle: "medium", timeStyle: "short" },
    clock: { timeStyle: "short" },
    day: { dateStyle: "full" },
  };
  const formats = {};

  const write = (part, instant) => {
    formats[part] ??= new Intl.DateTimeFormat(dataset.locale, OPTIONS[part]);
    return formats[part].format(instant);
  };

  const writeDay = (instant) => {
    const name = write("day", instant);
    // The server's clock, not this machine's: the page says what is so at the server.
    const daysAgo = [0, 1].find((days) => write("day", Number(dataset.now) - days * DAY_MS) === name);
    if (daysAgo === undefined) return name;
    return new Intl.RelativeTimeFormat(dataset.locale, { numeric: "auto" }).format(-daysAgo, "day");
  };

  const localize = () => {
    for (const time of document.querySelectorAll("time")) {
      const instant = Date.parse(time.dateTime);
      const { part } = time.dataset;
      if (time.title !== "") time.title = write("exact", instant);
      const text = part === "day" ? writeDay(instant) : part === "clock" ? write("clock", instant) : time.textContent;
      if (time.textContent !== text) time.textContent = text; // Else the observer would see its own work for ever.
    }
    // A list has each day's heading once, above the first event of that day.
    let previous = "";
    for (const heading of document.querySelectorAll(".day")) {
      const isSame = heading.textContent === previous;
      if (heading.hidden !== isSame) heading.hidden = isSame;
      previous = heading.textContent;
    }
  };

  const observer = new MutationObserver(localize);
  observer.observe(document, { childList: true, subtree: true, characterData: true });
  document.addEventListener("DOMContentLoaded", () => {
    observer.disconnect();
    localize();
  });
}
