-- title: Accessions that share a sequence
-- topic: The atlas
-- answers: Which proteins are the same sequence under several accessions? They are computed once, and counted once
--   wherever a question here speaks of sequences.
-- columns:
--   n_proteins: Accessions with this sequence.
--   accessions: These accessions, in order.
--   genes: Their genes, each once.
--   organisms: Their organisms, each once.
-- grain: md5
-- source: MD5 of the sequence.
SELECT md5, any_value(length) AS length, count(*) AS n_proteins, list(accession ORDER BY accession) AS accessions,
       coalesce(list(DISTINCT gene ORDER BY gene) FILTER (gene IS NOT NULL), []) AS genes,
       coalesce(list(DISTINCT organism ORDER BY organism) FILTER (organism IS NOT NULL), []) AS organisms,
       any_value(n_sites) AS n_sites
FROM proteins
GROUP BY md5
HAVING count(*) > 1
ORDER BY n_proteins DESC, length DESC, md5
