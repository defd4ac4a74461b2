-- purpose: how sure each voice says it is: counts in twenty bins of equal width
-- grain: one row per voice and bin from 0 to 19, in the order of the panel; reads the table of label_report_gather
select voice, least(19, floor(confidence * 20))::integer as bin, count(*) as n
from report_answers
group by position, voice, bin
order by position, bin;
