// The whole sequence in a small strip, and the range in view as a window with two handles, to be moved and widened.
"use strict";

(() => {
  const HEIGHT = 26;
  const HANDLE_PX = 7; // from a handle, within which it is taken

  /** Start the overview above the tracks. */
  attlas.startOverview = (data, state) => {
    const holder = document.getElementById("overview");
    const canvas = holder.querySelector("canvas");
    const n = data.nResidues;
    let frame = null;
    let held = null; // what is dragged: {part, x, range}

    const redraw = () => {
      // The same left and right as the tracks below.
      frame = attlas.layoutTracks(data, state, holder.clientWidth, false);
      frame = { ...frame, xOf: (edge) => frame.left + (edge / n) * (frame.right - frame.left) };
      const colours = attlas.readColours();
      const pen = attlas.prepareCanvas(canvas, frame.width, HEIGHT);
      const { left, right } = frame;
      pen.rect(left, 3, right - left, HEIGHT - 6, { fill: colours.box, stroke: colours.line, radius: 3 });
      drawProfile(pen, colours);
      for (const site of data.sites)
        pen.circle(frame.xOf(site.position - 0.5), HEIGHT - 6, 2, { fill: colours.site });

      const [from, to] = window();
      for (const [a, b] of [
        [left, from],
        [to, right],
      ])
        pen.rect(a, 3, b - a, HEIGHT - 6, { fill: colours.line, opacity: 0.6 });
      pen.rect(from, 3, Math.max(2, to - from), HEIGHT - 6, { stroke: colours.ink, radius: 3 });
      for (const x of [from, to])
        pen.rect(x - 3, HEIGHT / 2 - 7, 6, 14, { fill: colours.paper, stroke: colours.ink, radius: 3 });
      if (!frame.isNarrow) {
        const [begin, end] = state.range;
        const text =
          end - begin + 1 === n
            ? `all ${attlas.withCommas(n)}`
            : `${attlas.withCommas(begin)}–${attlas.withCommas(end)}`;
        pen.text(left - 12, HEIGHT / 2 + 4, text, { fill: colours.soft, align: "right" });
      }
    };

    const drawProfile = (pen, colours) => {
      if (!data.received) return;
      const values = data.received[state.layer];
      const [, largest] = attlas.extent(values);
      const nBins = Math.max(1, Math.round(frame.right - frame.left));
      const points = Array.from(attlas.binLargest(values, 1, n, nBins), (value, k) => [
        frame.left + k + 0.5,
        HEIGHT - 4 - Math.sqrt(Math.max(0, value || 0) / (largest || 1)) * (HEIGHT - 9),
      ]);
      pen.polyline(points, { stroke: colours.attention, width: 0.8, opacity: 0.8 });
    };

    const window = () => [frame.xOf(state.range[0] - 1), frame.xOf(state.range[1])];
    const xOf = (event) => event.clientX - canvas.getBoundingClientRect().left;
    const partAt = (x) => {
      const [from, to] = window();
      if (Math.abs(x - to) <= HANDLE_PX) return "end";
      if (Math.abs(x - from) <= HANDLE_PX) return "begin";
      return x > from && x < to && state.range[1] - state.range[0] + 1 < n ? "window" : "new";
    };

    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      held = { part: partAt(xOf(event)), x: xOf(event), range: state.range };
    });
    canvas.addEventListener("pointermove", (event) => {
      const x = xOf(event);
      canvas.style.cursor = { begin: "ew-resize", end: "ew-resize", window: "grab", new: "crosshair" }[partAt(x)];
      if (!held) return;
      const perPixel = n / (frame.right - frame.left);
      const shift = (x - held.x) * perPixel;
      const [begin, end] = held.range;
      const position = Math.min(n, Math.max(1, 1 + (x - frame.left) * perPixel));
      if (held.part === "begin") state.showRange(Math.min(position, end - 9), end);
      else if (held.part === "end") state.showRange(begin, Math.max(position, begin + 9));
      else if (held.part === "window") state.showRange(begin + shift, end + shift);
      else if (Math.abs(x - held.x) > 3) {
        const start = 1 + (held.x - frame.left) * perPixel;
        state.showRange(Math.max(1, Math.min(start, position)), Math.min(n, Math.max(start, position)));
      }
    });
    for (const name of ["pointerup", "pointercancel"])
      canvas.addEventListener(name, () => {
        held = null;
      });
    canvas.addEventListener("dblclick", () => state.set({ range: [1, n] }));

    state.watch(["layer", "range"], redraw);
    redraw();
    return { redraw };
  };
})();
