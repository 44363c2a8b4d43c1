-- title: Sequence motifs around sites
-- topic: Sites
-- answers: Which short motifs carry a site, in how many sequences, and how often does the motif occur without one?
--   Counted over distinct sequences; the motifs that carry a site most surely first. A site nearer to an end than the
--   motif reaches has no motif.
-- parameters:
--   before int 0..20 = 1: Residues of the motif before the site.
--   after int 0..20 = 1: Residues of the motif after the site.
--   min_sites int 1.. = 2: Fewest sites a motif has.
--   proteins proteins = all: Ids to count over, background included.
-- columns:
--   motif: The site in upper case between its neighbours in lower case.
--   n_sites: Sites with this motif.
--   n_sequences: Sequences with such a site.
--   n_occurrences: Occurrences of the motif in the same sequences, at a site or not.
--   share_at_sites: Sites with this motif over its occurrences.
--   share_low: Lower end of its 95 % Wilson interval; occurrences in homologues are not independent. Empty where
--     fewer than five sequences have such a site.
--   ratio: Share over that of all residues that could be the site of a motif of this length.
--   examples: Accessions of such sites, five at most.
--   note: Why a row has no interval; empty if it has one.
-- grain: motif
-- source: Wilson 1927 for the interval.
WITH searched AS (FROM searched_sequences($proteins)),

-- Words around sites that are far enough from both ends.
site_words AS (
    SELECT c.accession, c.sequence[s.position - $before:s.position + $after] AS word
    FROM sites AS s JOIN searched AS c USING (accession)
    WHERE s.position > $before AND s.position + $after <= c.length
),

-- Sites in each word.
at_sites AS (
    SELECT word, count(*) AS k, count(DISTINCT accession) AS n_sequences,
           list(DISTINCT accession ORDER BY accession)[:5] AS examples
    FROM site_words
    GROUP BY word
),

-- Words of one length, cut from every residue on: each frame begins one residue later.
frames AS (SELECT unnest(range(1, $before + $after + 2))::INTEGER AS frame),

-- All words of that length, in every frame.
words AS (
    SELECT unnest(regexp_extract_all(c.sequence[f.frame:], '.{' || ($before + $after + 1) || '}')) AS word
    FROM searched AS c, frames AS f
),

occurrences AS (SELECT word, count(*) AS n FROM words SEMI JOIN at_sites USING (word) GROUP BY word),

-- The chance that a residue that could be the site of such a motif is a site.
mean_rate AS (
    SELECT (SELECT count(*) FROM site_words) / sum(greatest(length - $before - $after, 0)) AS rate
    FROM searched
),

shares AS (SELECT *, k / n AS p, normal_95() AS z FROM at_sites JOIN occurrences USING (word) WHERE k >= $min_sites)

SELECT lower(word[:$before]) || word[$before + 1] || lower(word[$before + 2:]) AS motif, k AS n_sites, n_sequences,
       n AS n_occurrences, round(p, 3) AS share_at_sites,
       round(of_enough_proteins(wilson_low(p, n, z), n_sequences), 3) AS share_low, round(p / rate, 1) AS ratio,
       array_to_string(examples, ' ') AS examples, too_few_proteins(n_sequences) AS note
FROM shares, mean_rate
ORDER BY share_low DESC NULLS LAST, n_sites DESC, motif
