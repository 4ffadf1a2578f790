"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const palette = ["#2f6fde", "#e08a1e", "#2a9d6f", "#c2476f", "#7a5cd0", "#1b9aaa", "#b0832b", "#5b7083", "#d1495b", "#4f9d3a", "#8f6bb3", "#3d8fc4", "#9aa3af"];
  const charts = [];
  // Measured as it is drawn.
  const fontFamily = getComputedStyle(document.body).fontFamily;

  const text = () => ({ color: css("--soft"), fontFamily });
  const tip = () => ({
    renderMode: "richText", confine: true, backgroundColor: css("--card"), borderColor: css("--line"),
    textStyle: { color: css("--ink"), fontSize: 12 },
  });
  const short = (value) => {
    const size = Math.abs(value);
    for (const [unit, mark] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
      if (size >= unit) return String(+(value / unit).toFixed(2)) + mark;
    }
    return String(+value.toFixed(4));
  };
  const cut = (name, length) => (name.length > length ? name.slice(0, length - 1) + "…" : name);

  // Cost over time, stacked; numbers in tooltips are the printed ones.
  const overTime = (table) => ({
    aria: { enabled: true }, animation: false, color: palette, textStyle: { fontFamily },
    grid: { left: 8, right: 12, top: 16, bottom: table.series.length > 1 ? 58 : 8, containLabel: true },
    legend: { show: table.series.length > 1, type: "scroll", bottom: 0, textStyle: text(), pageTextStyle: text(), pageIconColor: css("--accent"), formatter: (name) => cut(table.series[+name].name, 28) },
    tooltip: {
      ...tip(), trigger: "axis", axisPointer: { type: "shadow" },
      formatter: (points) => {
        const at = points[0].dataIndex;
        const lines = points.filter((p) => table.series[+p.seriesName].cells[at] !== null)
          .map((p) => cut(table.series[+p.seriesName].name, 40) + "  " + table.series[+p.seriesName].cells[at]);
        return [table.periods[at], ...lines.slice(0, 16), "total  " + table.totals[at]].join("\n");
      },
    },
    xAxis: { type: "category", data: table.periods, axisLabel: text(), axisLine: { lineStyle: { color: css("--line") } }, axisTick: { show: false } },
    yAxis: { type: "value", axisLabel: { ...text(), formatter: short }, splitLine: { lineStyle: { color: css("--line") } } },
    series: table.series.map((row, at) => ({
      name: String(at), type: "bar", stack: "cost", barMaxWidth: 46, emphasis: { focus: "series" },
      data: row.cells.map((cell) => (cell === null ? null : Number(cell))),
    })),
  });

  const bars = (table) => {
    const rows = table.series.slice().reverse();
    return {
      aria: { enabled: true }, animation: false, textStyle: { fontFamily },
      grid: { left: 8, right: 64, top: 6, bottom: 6, containLabel: true },
      tooltip: { ...tip(), formatter: (p) => cut(rows[p.dataIndex].name, 60) + "\n" + rows[p.dataIndex].total + " " + table.currency },
      xAxis: { type: "value", axisLabel: { ...text(), formatter: short, hideOverlap: true }, splitLine: { lineStyle: { color: css("--line") } } },
      yAxis: { type: "category", data: rows.map((row, at) => String(at)), axisLabel: { ...text(), formatter: (at) => rows[+at].name, width: 130, overflow: "truncate" }, axisLine: { show: false }, axisTick: { show: false } },
      series: [{
        type: "bar", barMaxWidth: 24,
        data: rows.map((row, at) => ({ value: Number(row.total), itemStyle: { color: palette[(rows.length - 1 - at) % palette.length] } })),
        label: { show: true, position: "right", color: css("--soft"), formatter: (p) => short(p.value) },
      }],
    };
  };

  const treemap = (table) => ({
    aria: { enabled: true }, animation: false, textStyle: { fontFamily }, color: palette,
    tooltip: { ...tip(), formatter: (p) => (p.data && p.data.shown ? cut(p.data.full, 60) + "\n" + p.data.shown + " " + table.currency : "") },
    series: [{
      type: "treemap", roam: false, nodeClick: false, breadcrumb: { show: false }, left: 0, right: 0, top: 4, bottom: 4,
      itemStyle: { borderColor: css("--card"), borderWidth: 2, gapWidth: 2 },
      label: { formatter: (p) => cut(p.data.full, 30) },
      data: table.series.filter((row) => Number(row.total) > 0)
        .map((row, at) => ({ name: String(at), full: row.name, shown: row.total, value: Number(row.total) })),
    }],
  });

  const draw = () => {
    while (charts.length) charts.pop().dispose();
    for (const place of document.querySelectorAll(".chart")) {
      const table = data.tables[+place.dataset.table];
      const kind = { time: overTime, bars, tree: treemap }[place.dataset.kind];
      const chart = echarts.init(place, null, { renderer: "svg" });
      chart.setOption(kind(table));
      charts.push(chart);
    }
  };

  for (const button of document.querySelectorAll("button[data-kind]")) {
    button.addEventListener("click", () => {
      const place = document.getElementById(button.dataset.for);
      place.dataset.kind = button.dataset.kind;
      for (const other of document.querySelectorAll(`button[data-for="${button.dataset.for}"]`)) {
        other.setAttribute("aria-pressed", String(other === button));
      }
      draw();
    });
  }

  // Order by rank: exact numbers were ranked where they are exact.
  for (const head of document.querySelectorAll("thead th button")) {
    head.addEventListener("click", () => {
      const th = head.closest("th"), table = head.closest("table"), body = table.tBodies[0];
      const at = th.cellIndex;
      const down = th.getAttribute("aria-sort") === "descending" || (!th.hasAttribute("aria-sort") && !th.classList.contains("n"));
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      th.setAttribute("aria-sort", down ? "ascending" : "descending");
      const sign = down ? 1 : -1;
      const rows = [...body.rows].map((row, nth) => [Number(row.cells[at].dataset.r ?? -1), nth, row]);
      rows.sort((a, b) => sign * (a[0] - b[0]) || a[1] - b[1]);
      // What was put together stays last.
      const last = rows.filter((row) => row[2].classList.contains("others"));
      for (const row of rows) if (!last.includes(row)) body.append(row[2]);
      for (const row of last) body.append(row[2]);
    });
  }
  for (const input of document.querySelectorAll("input[data-table]")) {
    const body = document.getElementById(input.dataset.table).tBodies[0];
    const told = document.getElementById(input.dataset.table + "-n");
    const filter = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let n = 0;
      for (const row of body.rows) {
        const name = [...row.cells].filter((cell) => cell.classList.contains("k")).map((cell) => cell.textContent.toLowerCase()).join(" ");
        row.hidden = !words.every((word) => name.includes(word));
        if (!row.hidden) n += 1;
      }
      told.textContent = words.length ? `${n} of ${body.rows.length} rows; totals are those of all rows` : `${body.rows.length} rows`;
    };
    input.addEventListener("input", filter);
    filter();
  }

  const theme = document.getElementById("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const now = root.dataset.theme ?? (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    draw();
  });
  dark.addEventListener("change", draw);
  // Whatever changes the room of a chart, a window, a turned phone or paper, the chart follows.
  const rooms = new ResizeObserver(() => charts.forEach((chart) => chart.resize()));
  for (const place of document.querySelectorAll(".chart")) rooms.observe(place);
  // Paper is light and has its own width.
  addEventListener("beforeprint", () => { root.dataset.before = root.dataset.theme ?? ""; root.dataset.theme = "light"; draw(); });
  addEventListener("afterprint", () => { if (root.dataset.before) root.dataset.theme = root.dataset.before; else delete root.dataset.theme; draw(); });
  for (const tools of document.querySelectorAll(".tools, .pick, .chart")) tools.hidden = false;
  draw();
})();
