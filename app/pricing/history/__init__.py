"""How prices moved: levels over time, their statistics, moves of 5% and more, and the chart."""
