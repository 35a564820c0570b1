-- shut_of(text): of each type that is paused (or prefix and '*') until when, Unix ms; and these
-- names, in the order of the text: a line of one letter, then of each the time, a blank, the name.
local function shut_of(text)
  local until_of, names = {}, {}
  for at, name in string.gmatch(text, '(%d+) ([^\n]+)\n') do
    until_of[name], names[#names + 1] = tonumber(at), name
  end
  return until_of, names
end
