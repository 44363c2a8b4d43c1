// Draws a picture once for three ends: a canvas on the screen, a PNG file, an SVG file. A view is a function of a pen;
// a pen has few verbs, and is a canvas's (CanvasPen) or records SVG elements (SvgPen). Units are CSS pixels.
"use strict";

(() => {
  const FONT = 'system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif';
  const SVG = "http://www.w3.org/2000/svg";
  const NAMES = [
    "ink",
    "soft",
    "line",
    "paper",
    "box",
    "link",
    "site",
    "attention",
    "links",
    "annotated",
    "pointed",
  ];

  /** Return the stylesheet's colours as `rgb(r, g, b)`, in force now: light, dark or on paper. */
  attlas.readColours = () => {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.forcedColorAdjust = "none"; // where the system has colours of its own, drawings keep the page's
    const colours = {};
    for (const name of NAMES) {
      probe.style.color = `var(--${name})`;
      colours[name] = getComputedStyle(probe).color;
    }
    probe.remove();
    return colours;
  };

  const channels = (colour) =>
    colour
      .match(/[\d.]+/g)
      .slice(0, 3)
      .map(Number);

  /** Return the colour a share (0 to 1) of the way from one to another. */
  attlas.mix = (from, to, share) => {
    const [a, b] = [channels(from), channels(to)];
    return `rgb(${a.map((value, k) => Math.round(value + (b[k] - value) * share)).join(", ")})`;
  };

  /** Return a colour as `#rrggbb`. */
  attlas.hex = (colour) =>
    `#${channels(colour)
      .map((value) => Math.round(value).toString(16).padStart(2, "0"))
      .join("")}`;
  attlas.channels = channels;

  // Styles of a pen's verbs: fill, stroke, width, opacity, dash (of lines), size, weight, align (of text).
  attlas.CanvasPen = class {
    constructor(context) {
      this.context = context;
    }

    shape(path, { fill, stroke, width = 1, opacity = 1, dash }) {
      const context = this.context;
      context.globalAlpha = opacity;
      context.beginPath();
      path(context);
      if (fill) {
        context.fillStyle = fill;
        context.fill();
      }
      if (stroke) {
        context.strokeStyle = stroke;
        context.lineWidth = width;
        context.setLineDash(dash ?? []);
        context.stroke();
      }
      context.globalAlpha = 1;
    }

    rect(x, y, width, height, style) {
      this.shape((path) => path.roundRect(x, y, width, height, style.radius ?? 0), style);
    }
    circle(x, y, radius, style) {
      this.shape((path) => path.arc(x, y, radius, 0, 2 * Math.PI), style);
    }
    polyline(points, style) {
      this.shape((path) => points.forEach(([x, y], k) => (k ? path.lineTo(x, y) : path.moveTo(x, y))), style);
    }

    /** Half an ellipse from x1 to x2 at height y; `depth` reaches down, a negative one up. */
    arc(x1, x2, y, depth, style) {
      const radius = Math.abs(x2 - x1) / 2;
      this.shape(
        (path) => path.ellipse((x1 + x2) / 2, y, radius, Math.abs(depth), 0, 0, Math.PI, depth < 0),
        style,
      );
    }

    text(x, y, text, { fill, size = 11, weight = 400, align = "left" }) {
      const context = this.context;
      context.font = `${weight} ${size}px ${FONT}`;
      context.fillStyle = fill;
      context.textAlign = align;
      context.fillText(text, x, y);
    }

    image(source, x, y, width, height) {
      this.context.imageSmoothingEnabled = false;
      this.context.drawImage(source, x, y, width, height);
    }

    clip(x, y, width, height, draw) {
      this.context.save();
      this.context.beginPath();
      this.context.rect(x, y, width, height);
      this.context.clip();
      draw();
      this.context.restore();
    }
  };

  attlas.SvgPen = class {
    constructor(width, height) {
      this.svg = this.group = document.createElementNS(SVG, "svg");
      this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      this.svg.setAttribute("xmlns", SVG);
      this.nClips = 0;
    }

    add(name, attributes) {
      const element = this.group.appendChild(document.createElementNS(SVG, name));
      for (const [key, value] of Object.entries(attributes)) {
        if (value !== undefined)
          element.setAttribute(key, typeof value === "number" ? String(Math.round(value * 100) / 100) : value);
      }
      return element;
    }

    shape(name, attributes, { fill = "none", stroke, width, opacity, dash }) {
      const line = stroke ? { stroke, "stroke-width": width ?? 1, "stroke-dasharray": dash?.join(" ") } : {};
      return this.add(name, { ...attributes, fill, ...line, opacity });
    }

    rect(x, y, width, height, style) {
      return this.shape(
        "rect",
        { x, y, width: Math.max(0, width), height: Math.max(0, height), rx: style.radius },
        style,
      );
    }
    circle(x, y, radius, style) {
      return this.shape("circle", { cx: x, cy: y, r: radius }, style);
    }
    polyline(points, style) {
      return this.shape(
        "polyline",
        { points: points.map((point) => point.map((value) => value.toFixed(1)).join(",")).join(" ") },
        style,
      );
    }

    arc(x1, x2, y, depth, style) {
      const radius = Math.abs(x2 - x1) / 2;
      const turn = depth < 0 ? 1 : 0;
      const [from, to] = [Math.min(x1, x2), Math.max(x1, x2)].map((value) => value.toFixed(2));
      return this.shape(
        "path",
        { d: `M${from} ${y}A${radius.toFixed(2)} ${Math.abs(depth).toFixed(2)} 0 0 ${turn} ${to} ${y}` },
        style,
      );
    }

    text(x, y, text, { fill, size = 11, weight, align }) {
      const anchor = { center: "middle", right: "end" }[align];
      const element = this.add("text", {
        x,
        y,
        fill,
        "font-size": size,
        "font-weight": weight,
        "text-anchor": anchor,
        "font-family": FONT,
      });
      element.textContent = text;
      return element;
    }

    image(source, x, y, width, height) {
      const pixels = { preserveAspectRatio: "none", style: "image-rendering: pixelated" };
      return this.add("image", { x, y, width, height, href: source.toDataURL(), ...pixels });
    }

    clip(x, y, width, height, draw) {
      const id = `clip${this.nClips++}`;
      const outer = this.group;
      this.group = this.add("clipPath", { id });
      this.add("rect", { x, y, width, height });
      this.group = outer;
      this.group = this.add("g", { "clip-path": `url(#${id})` });
      draw();
      this.group = outer;
    }
  };

  const measure = document.createElement("canvas").getContext("2d");

  /** Return the width of a text in CSS pixels. */
  attlas.textWidth = (text, size = 11, weight = 400) => {
    measure.font = `${weight} ${size}px ${FONT}`;
    return measure.measureText(text).width;
  };

  /** Return a text as lines that are no wider than `width`, broken between words; a longer word stands alone. */
  attlas.wrapText = (text, width, size = 11) => {
    const lines = [];
    for (const word of text.trim().split(/\s+/).filter(Boolean)) {
      const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
      if (lines.length && attlas.textWidth(longer, size) <= width) lines[lines.length - 1] = longer;
      else lines.push(word);
    }
    return lines;
  };

  /** Return a text cut with an ellipsis where it is wider than `width`. */
  attlas.fitText = (text, width, size = 11) => {
    if (attlas.textWidth(text, size) <= width) return text;
    let length = text.length;
    while (length > 1 && attlas.textWidth(`${text.slice(0, length)}…`, size) > width) length--;
    return `${text.slice(0, length)}…`;
  };

  /** Give a canvas a size in CSS pixels, sharp on this screen; return its pen, the canvas cleared. */
  attlas.prepareCanvas = (canvas, width, height) => {
    const scale = Math.min(globalThis.devicePixelRatio || 1, 3);
    const [columns, rows] = [Math.round(width * scale), Math.round(height * scale)];
    if (canvas.width !== columns || canvas.height !== rows) {
      canvas.width = columns;
      canvas.height = rows;
      canvas.style.aspectRatio = `${width} / ${height}`;
    }
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    return new attlas.CanvasPen(context);
  };
})();
