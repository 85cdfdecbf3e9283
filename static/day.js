// A day whose load changes by the hour: app/calculator/day.py, line by line. A test compares both on random days.

const HOURS = 24;
export const MOST_REPLICAS = 400;

// For each number of replicas from 0 to `most`: [USD an hour, units of each kind]
export const cheapestCover = (units, most) => {
  const none = units.map(() => 0);
  let best = Array.from({ length: most + 1 }, (_, need) => [need ? Infinity : 0, none]);
  units.forEach((unit, at) => {
    const before = best;
    best = before.map((kept, need) => {
      let found = kept;
      const enough = Math.min(unit.most ?? MOST_REPLICAS, Math.ceil(need / unit.replicas));
      for (let count = 1; count <= enough; count++) {
        const [usd, counts] = before[Math.max(need - count * unit.replicas, 0)];
        if (usd + count * unit.usd < found[0]) found = [usd + count * unit.usd, counts.with(at, count)];
      }
      return found;
    });
  });
  return best;
};

const left = (rate, replicaRate, replicas, spare) => Math.max(rate - Math.max(replicas - spare, 0) * replicaRate, 0);

const cheapestHour = (rate, replicaRate, standing, most, byHour, usdRequest, fewest, spare) => {
  let found = [Infinity, 0];
  for (let more = 0; more <= most - standing; more++) {
    if (standing + more > 0 && standing + more < fewest) continue;
    const rest = left(rate, replicaRate, standing + more, spare);
    const usd = byHour[more][0] + (rest ? rest * 3600 * usdRequest : 0);
    if (usd < found[0]) found = [usd, more];
    if (!rest) break;
  }
  return found;
};

// { base, burst, overflow, usd } of the cheapest day, or null; units are { replicas, usd, most }
export const cheapestDay = ({ rates, replicaRate, base, burst, usdRequest = Infinity, least = 1, spare = 0 }) => {
  const most = Math.max(least, Math.ceil(Math.max(...rates) / replicaRate)) + spare;
  if (most > MOST_REPLICAS) return null;
  const wholeDay = cheapestCover(base, most), byHour = cheapestCover(burst, most);
  let best = null;
  for (let standing = 0; standing <= most; standing++) {
    let usd = wholeDay[standing][0] * HOURS;
    const chosen = [];
    for (const rate of rates) {
      if (best && usd >= best.usd) break;
      const [hour, more] = cheapestHour(rate, replicaRate, standing, most, byHour, usdRequest, least + spare, spare);
      usd += hour;
      chosen.push(more);
    }
    if (usd < (best?.usd ?? Infinity)) best = { usd, standing, chosen };
  }
  if (!best) return null;
  let rest = 0, total = 0;
  rates.forEach((rate, h) => {
    rest += left(rate, replicaRate, best.standing + best.chosen[h], spare);
    total += rate;
  });
  return { base: wholeDay[best.standing][1], burst: best.chosen.map((more) => byHour[more][1]),
    overflow: total ? rest / total : 0, usd: best.usd };
};
