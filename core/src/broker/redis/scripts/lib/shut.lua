-- shut_of(text): of each type that is paused (or prefix and '*') until when, Unix ms; these names,
-- in the order of the text; and the episode of those that a breaker holds. The text has a line of
-- each: the time, of a breaker a colon and the episode, a blank, the name. Of a name that is there
-- twice the first counts, which is the pause.
local function shut_of(text)
  local until_of, names, episode_of = {}, {}, {}
  for at, episode, name in string.gmatch(text, '(%d+):?(%d*) ([^\n]+)\n') do
    if not until_of[name] then
      until_of[name], names[#names + 1] = tonumber(at), name
      if episode ~= '' then episode_of[name] = episode end
    end
  end
  return until_of, names, episode_of
end
