// Reads rows of a release from any static host by range requests: footer, then the row groups and pages that hold them.
// Row groups are found as the command line finds them: every table is sorted, by `sequence_id` or by a key, and the
// index of names tells the rows of `proteins`.
"use strict";
globalThis.attlas ??= {};

(() => {
  /** Something that a host does not do, in a sentence with what to do about it. */
  attlas.HostFault = class extends Error {};

  const NO_RANGES = "This host sends a whole file where a part of it was asked for (it does not answer range requests), " +
    "so this page cannot read the tables here. Put the release on a host that answers them, as nginx, Apache, S3, GitHub " +
    "Pages and Zenodo's mirrors do; or download it: `attlas page FOLDER PROTEIN` writes the page of a protein, and " +
    "`attlas serve FOLDER` shows them all.";
  const NO_HOST = "The tables cannot be reached from a page that was opened as a file. Put the folder on a web host, or " +
    "use `attlas serve FOLDER` or `attlas page FOLDER PROTEIN`.";

  const LENGTH_BYTES = 4; // of the length of a footer

  /** Refuse addresses behind which no host answers. */
  attlas.refuseFiles = (url) => {
    if (url.protocol === "file:") throw new attlas.HostFault(NO_HOST);
  };

  attlas.Release = class {
    /** `facts` are those in the element `attlas-release`, `root` the URL of the folder. */
    constructor(facts, root) {
      this.facts = facts;
      this.root = root;
      this.foldCase = attlas.caseFolder(facts.folded_letters);
      this.nBytes = 0; // read so far
      this.footers = new Map(); // path: promise of its metadata
      this.listParts = new Map(); // path: promise of the files that it lists
    }

    /** Return the files of a table whose files the page knows, as `proteins`. */
    files(table) { return this.facts.tables[table] ?? []; }

    /** Return what the page knows of the files of a table: the files themselves, or the parts of a long list of them. */
    entries(table) { return this.files(table).parts ?? this.files(table); }

    /** Return the files of a table that may hold a sequence; a long list is in parts, of which those are read that may name one. */
    async filesOfSequence(table, sequenceId) {
      const mayHold = (entry) => entry.first_sequence_id <= sequenceId && sequenceId <= entry.last_sequence_id;
      const { parts, settings } = this.files(table);
      if (!parts) return this.files(table).filter(mayHold);
      const partsToRead = parts.filter((part) => part.first_sequence_id === null || mayHold(part));
      const files = (await Promise.all(partsToRead.map((part) => this.#filesInPart(part)))).flat();
      return files.filter(mayHold).map((file) => ({ ...file, settings }));
    }

    /** Yield the files of an index that may hold keys from `first` to `last`, in order; parts of its list are read one by one. */
    async *#filesOfKeys(table, first, last) {
      const mayHold = (entry) => entry.n_rows && entry.first_key <= last && first <= entry.last_key;
      const list = this.files(table);
      if (!list.parts) yield* list.filter(mayHold);
      for (const part of list.parts?.filter(mayHold) ?? []) yield* (await this.#filesInPart(part)).filter(mayHold);
    }

    #filesInPart(part) {
      if (!this.listParts.has(part.path)) {
        const bytes = this.#bytes(part, 0, part.n_bytes);
        this.listParts.set(part.path, bytes.then((text) => JSON.parse(new TextDecoder().decode(text)).files));
      }
      return this.listParts.get(part.path);
    }

    /** Return the settings that a table was computed with where a sequence is; null where there is no such table. */
    async settingsOf(table, sequenceId) {
      const list = this.files(table);
      if (list.parts) return list.settings;
      const [file] = await this.filesOfSequence(table, sequenceId);
      return (file ?? list[0])?.settings ?? null;
    }

    /** Return the rows of one sequence in one table, in stored order. */
    async rowsOfSequence(table, sequenceId, columns) {
      const files = await this.filesOfSequence(table, sequenceId);
      return (await Promise.all(files.map((file) => this.#rowsInFile(file, sequenceId, columns)))).flat();
    }

    async #rowsInFile(file, sequenceId, columns) {
      const groups = groupsBetween(await this.footer(file), "sequence_id", sequenceId, sequenceId);
      if (!groups.length) return [];
      const { start } = groups[0], { end } = groups.at(-1);

      // The column of ids is small: it tells which pages of the other columns are needed.
      const ids = (await this.read(file, ["sequence_id"], start, end)).map((row) => row.sequence_id);
      const first = ids.indexOf(sequenceId), last = ids.lastIndexOf(sequenceId);
      return first < 0 ? [] : this.read(file, columns, start + first, start + last + 1);
    }

    /**
     * Return the row groups of `proteins` in which some rows lie, each with `rows`, those of them, and `firstRow`, that of
     * `file` from which its rows start to end (exclusive) are read: a large `proteins` is read as a file for each group.
     */
    async proteinGroups(rows) {
      const [file] = this.files("proteins");
      const parts = file.footer_parts;
      const groupRows = parts?.group_rows ?? Number((await this.footer(file)).row_groups[0]?.num_rows); // the last may have fewer
      const groups = new Map();
      for (const row of rows) {
        const number = Math.floor(row / groupRows);
        if (!groups.has(number)) {
          const start = number * groupRows, end = Math.min(start + groupRows, file.n_rows);
          const place = parts ? { file: { ...file, group: number }, firstRow: start, start: 0, end: end - start } : { file, firstRow: 0, start, end };
          groups.set(number, { ...place, rows: [] });
        }
        groups.get(number).rows.push(row);
      }
      return [...groups.values()];
    }

    /** Return columns of a row of `proteins`, as an object. */
    async proteinOf(row, columns) {
      const [{ file, firstRow }] = await this.proteinGroups([row]);
      return (await this.read(file, columns, row - firstRow, row - firstRow + 1))[0];
    }

    /**
     * Return the rows of an index (`names`, `words`, `members`) whose keys lie from `first` to `last`, out of the first `most` row
     * groups; `isCut` says whether there are more of these.
     */
    async rowsOfKeys(table, first, last, most) {
      const places = await this.#placesOfKeys(table, first, last, most + 1);
      const read = places.slice(0, most).map(({ file, start, end, columns }) => this.read(file, columns, start, end));
      const key = this.facts.keys[table];
      const rows = (await Promise.all(read)).flat().filter((row) => first <= row[key] && row[key] <= last);
      return { rows, isCut: places.length > most };
    }

    /** Return the number of rows of a key of an index; of its row groups only those at the ends are read. */
    async countKey(table, key) {
      const places = await this.#placesOfKeys(table, key, key, Infinity);
      const column = this.facts.keys[table];
      const counts = places.map(async ({ file, start, end, isOfOneKey }) => (isOfOneKey ? end - start
        : (await this.read(file, [column], start, end)).filter((row) => row[column] === key).length));
      return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
    }

    /** Return the row groups that may hold keys from `first` to `last`, of an index, the first `most`. */
    async #placesOfKeys(table, first, last, most) {
      const places = [];
      for await (const file of this.#filesOfKeys(table, first, last)) {
        if (places.length >= most) break;
        const metadata = await this.footer(file);
        const columns = metadata.schema.slice(1).map(({ name }) => name);
        for (const { start, end, smallest, largest } of groupsBetween(metadata, this.facts.keys[table], first, last)) {
          places.push({ file, start, end, columns, isOfOneKey: smallest === largest });
        }
      }
      return places.slice(0, most);
    }

    /** Return columns of rows start to end (exclusive) of a file, as objects; all rows without `start`. */
    async read(file, columns, start = 0, end = file.n_rows) {
      const metadata = await this.footer(file);
      const groups = groupsOf(metadata).filter((group) => group.start < end && start < group.end);
      const isPart = groups.length > 0 && (groups[0].start !== start || groups.at(-1).end !== end);
      return hyparquet.parquetReadObjects({
        file: this.#buffer(file, isPart ? await this.#pageIndex(file, groups, columns) : null),
        metadata,
        columns,
        rowStart: start,
        rowEnd: end,
        useOffsetIndex: isPart,
        compressors: { ZSTD: (input, nBytes) => hyparquet.decompressZstd(input, new Uint8Array(nBytes)) },
      });
    }

    /** Return the part of a file that says where the pages of columns are: it lies together, and is read at once. */
    async #pageIndex(file, groups, columns) {
      const chunks = groups.flatMap(({ chunks }) => chunks).filter((chunk) => columns.includes(chunk.meta_data.path_in_schema[0]));
      const ranges = chunks.filter((chunk) => chunk.offset_index_offset)
        .map((chunk) => [Number(chunk.offset_index_offset), Number(chunk.offset_index_offset) + chunk.offset_index_length]);
      if (!ranges.length) return null;
      const start = Math.min(...ranges.map(([begin]) => begin)), end = Math.max(...ranges.map(([, stop]) => stop));
      return { start, end, bytes: await this.#bytes(file, start, end) };
    }

    /** Return the metadata of a file, or of the one row group that it stands for, which are read once. */
    footer(file) {
      const key = `${file.path} ${file.group ?? ""}`;
      if (!this.footers.has(key)) {
        this.footers.set(key, file.group === undefined
          ? hyparquet.parquetMetadataAsync(this.#buffer(file), { initialFetchSize: file.tail_bytes }) : this.#footerPart(file));
      }
      return this.footers.get(key);
    }

    /** Return the metadata of a row group, whose footer stands in the file beside that of all: its length, then its bytes. */
    async #footerPart(file) {
      const { first_byte: firstByte, part_bytes: partBytes } = file.footer_parts;
      const start = firstByte + file.group * partBytes;
      const part = new Uint8Array(await this.#bytes(file, start, start + partBytes));
      const length = part.slice(0, LENGTH_BYTES);
      const footer = part.slice(LENGTH_BYTES, LENGTH_BYTES + new DataView(length.buffer).getUint32(0, true));
      const tail = await new Blob([footer, length, "PAR1"]).arrayBuffer(); // what every file of Parquet ends with
      return hyparquet.parquetMetadataAsync({ byteLength: tail.byteLength, slice: (first, end) => tail.slice(first, end) });
    }

    /** Return what hyparquet reads a file from; `known` is a part of it that was read already. */
    #buffer(file, known = null) {
      const isKnown = (start, end) => known !== null && known.start <= start && end <= known.end;
      return {
        byteLength: file.n_bytes,
        slice: (start, end = file.n_bytes) => (isKnown(start, end) ? known.bytes.slice(start - known.start, end - known.start) : this.#bytes(file, start, end)),
      };
    }

    async #bytes(file, start, end) {
      if (start === end) return new ArrayBuffer(0);
      const url = new URL(file.path.split("/").map(encodeURIComponent).join("/"), this.root);
      attlas.refuseFiles(url);

      const stop = new AbortController();
      const orFault = (promise) => promise.catch(() => { throw new attlas.HostFault(`${file.path} cannot be read: the host broke off. Try again in a while.`); });
      const answer = await orFault(fetch(url, { headers: { Range: `bytes=${start}-${end - 1}` }, signal: stop.signal }));
      if (answer.status === 200) {
        stop.abort(); // it may be a gigabyte
        throw new attlas.HostFault(NO_RANGES);
      }
      if (answer.status !== 206) throw new attlas.HostFault(`${file.path} cannot be read: the host answered ${answer.status}. Is the release there as a whole?`);

      const bytes = await orFault(answer.arrayBuffer());
      if (bytes.byteLength !== end - start) throw new attlas.HostFault(`${file.path} is not the file of this release: ${end - start} bytes were asked for, and ${bytes.byteLength} came.`);
      this.nBytes += bytes.byteLength;
      return bytes;
    }
  };

  /** Return the row groups that may hold values of a column from `first` to `last`, with their own ends. */
  function groupsBetween(metadata, column, first, last) {
    return groupsOf(metadata).map((group) => {
      const chunk = group.chunks.find(({ meta_data: meta }) => meta.path_in_schema[0] === column);
      const { min_value: smallest, max_value: largest } = chunk.meta_data.statistics;
      return { ...group, smallest, largest };
    }).filter(({ smallest, largest }) => smallest <= last && first <= largest);
  }

  /** Return the row groups of a file: their rows start to end (exclusive), and the chunk of each column. */
  function groupsOf(metadata) {
    let end = 0;
    return metadata.row_groups.map((group) => {
      const start = end;
      end += Number(group.num_rows);
      return { start, end, chunks: group.columns };
    });
  }
})();
