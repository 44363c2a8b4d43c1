// Buttons, elements, and pictures saved as files.
"use strict";

(() => {
  const PNG_SCALE = 2; // pixels of a PNG file for each of the screen's, for print
  const LINE_HEIGHT = 15; // of the lines below a picture

  /** Offer a file to be saved. */
  const save = (blob, name) => {
    const anchor = document.createElement("a");
    anchor.href = URL.createObjectURL(blob);
    anchor.download = name;
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(anchor.href), 1000);
  };

  /** Return a name of a file without what a file system may refuse. */
  const fileName = (name, ending) => `${name.replace(/[^\w.-]+/g, "_")}.${ending}`;

  /** Save rows as tab-separated values; a tab or a line end inside a value becomes a space. */
  attlas.saveRows = (name, header, rows) => {
    const lines = [header, ...rows].map((row) =>
      row.map((value) => String(value).replace(/[\t\r\n]+/g, " ")).join("\t"),
    );
    save(new Blob([`${lines.join("\n")}\n`], { type: "text/tab-separated-values" }), fileName(name, "tsv"));
  };

  /**
   * Put the buttons PNG and SVG beside a view. `picture` returns {width, height, draw, name, notes}; `draw` takes a pen.
   * Files are named after the protein. Below the picture stand the notes, which protein it is, and where it is from.
   */
  attlas.addPictureButtons = (parent, picture, title) => {
    const addLines = (view) => {
      const lines = [...(view.notes ?? []), ...["name", "provenance"].map((id) => document.getElementById(id).textContent)];
      const wrapped = lines.flatMap((line) => attlas.wrapText(line, view.width - 16));
      const draw = (pen) => {
        view.draw(pen);
        const { soft } = attlas.readColours();
        wrapped.forEach((line, k) => pen.text(8, view.height + (k + 1) * LINE_HEIGHT, line, { fill: soft }));
      };
      return { ...view, draw, height: view.height + wrapped.length * LINE_HEIGHT + 8 };
    };
    const draw = (pen, { width, height, draw }) => {
      pen.rect(0, 0, width, height, { fill: attlas.readColours().paper });
      draw(pen);
    };

    const savePng = () => {
      const view = addLines(picture());
      const canvas = document.createElement("canvas");
      canvas.width = view.width * PNG_SCALE;
      canvas.height = view.height * PNG_SCALE;
      const context = canvas.getContext("2d");
      context.scale(PNG_SCALE, PNG_SCALE);
      draw(new attlas.CanvasPen(context), view);
      canvas.toBlob((blob) => save(blob, fileName(view.name, "png")));
    };
    const saveSvg = () => {
      const view = addLines(picture());
      const pen = new attlas.SvgPen(view.width, view.height);
      pen.svg.setAttribute("width", view.width);
      pen.svg.setAttribute("height", view.height);
      draw(pen, view);
      save(
        new Blob([new XMLSerializer().serializeToString(pen.svg)], { type: "image/svg+xml" }),
        fileName(view.name, "svg"),
      );
    };
    parent.append(
      attlas.button("PNG", savePng, `Save ${title} as PNG`),
      attlas.button("SVG", saveSvg, `Save ${title} as SVG`),
    );
  };

  /** Return a button. */
  attlas.button = (text, onClick, label) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    if (label) {
      button.setAttribute("aria-label", label);
      button.title = label;
    }
    button.addEventListener("click", onClick);
    return button;
  };

  /** Return an element with children: elements, or texts that stay texts. */
  attlas.element = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };

  /** Redraw when the window, the colours or the medium changes. */
  attlas.redrawWhenNeeded = (views) => {
    const redraw = () => {
      for (const view of views) view?.redraw();
    };
    const holder = document.getElementById("views");
    let width = holder.clientWidth;
    new ResizeObserver(() => {
      if (holder.clientWidth === width) return;
      width = holder.clientWidth;
      requestAnimationFrame(redraw);
    }).observe(holder);
    for (const query of ["(prefers-color-scheme: dark)", "print"])
      matchMedia(query).addEventListener("change", redraw);
  };
})();
