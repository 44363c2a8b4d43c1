// Numbers as the command line gives them: floats by their shortest decimal, halves as bits, coordinates as text.
"use strict";
globalThis.attlas ??= {};

(() => {
  const single = (number) => Math.fround(number);

  /** Return a number of a float32 column as the number of its shortest decimal of 3 to 9 digits that is the same float32. */
  attlas.shortestNumber = (value) => {
    if (typeof value !== "number" || Number.isInteger(value)) return value;
    if (!Number.isFinite(value)) return null;
    for (let digits = 3; digits <= 9; digits++) {
      const short = Number(toDigits(value, digits));
      if (single(short) === single(value)) return short;
    }
    return value;
  };

  /** Return a number in so many digits, a tie to the even digit as Python rounds; `toPrecision` rounds it up. */
  function toDigits(value, digits) {
    const text = value.toExponential(digits - 1);
    const exact = Math.abs(value).toExponential(100 - 1).replace(/^(\d)\.(\d+)e.*$/, "$1$2");
    const isTie = exact[digits] === "5" && !/[1-9]/.test(exact.slice(digits + 1));
    if (!isTie || Number(exact[digits - 1]) % 2) return text;
    const [, exponent] = value.toExponential(100 - 1).split("e");
    return `${value < 0 ? "-" : ""}${exact[0]}.${exact.slice(1, digits)}e${exponent}`;
  }

  /** Return the bits of a number that is a float16. */
  attlas.halfBits = (number) => {
    if (Number.isNaN(number)) return 0x7e00;
    const sign = number < 0 || Object.is(number, -0) ? 0x8000 : 0;
    const size = Math.abs(number);
    if (size === Infinity) return sign | 0x7c00;
    if (size < 2 ** -14) return sign | (size * 2 ** 24);
    const exponent = Math.floor(Math.log2(size));
    const power = size < 2 ** exponent ? exponent - 1 : size >= 2 ** (exponent + 1) ? exponent + 1 : exponent; // log2 rounds
    return sign | ((power + 15) << 10) | ((size / 2 ** power - 1) * 1024);
  };

  /** Return bytes as base64. */
  attlas.toBase64 = (bytes) => {
    let text = "";
    for (let k = 0; k < bytes.length; k += 8192) text += String.fromCharCode(...bytes.subarray(k, k + 8192));
    return btoa(text);
  };

  /** Return a number that is a float32 with three decimals, a tie to the even digit as Python rounds. */
  attlas.toThousandths = (value) => {
    const thousandths = value * 1000; // exact: 24 bits by 10
    const below = Math.floor(thousandths);
    if (thousandths - below !== 0.5) return value.toFixed(3);
    return ((below % 2 ? below + 1 : below) / 1000).toFixed(3);
  };
})();
