//! Reads the paths of the map and its circles, for what draws them in another way than SVG does.

/// A closed outline, as points.
pub(crate) type Ring = Vec<(f64, f64)>;

/// The rings of a path: `M` and a point, then `l` and steps from each point to the next, or an `L` before each
/// further point.
pub(crate) fn rings(path: &str) -> Vec<Ring> {
    path.split('M').skip(1).map(ring).collect()
}

fn ring(text: &str) -> Ring {
    let (start, steps) = text.split_once('l').unwrap_or((text, ""));
    let mut points = points(start);
    let mut at = points.last().copied().unwrap_or_default();
    for (x, y) in self::points(steps) {
        at = (at.0 + x, at.1 + y);
        points.push(at);
    }
    points
}

fn points(text: &str) -> Ring {
    let apart = text.replace(['L', 'z'], " ").replace('-', " -");
    let numbers: Vec<f64> = apart
        .split_whitespace()
        .filter_map(|number| number.parse().ok())
        .collect();
    numbers
        .chunks_exact(2)
        .map(|pair| (pair[0], pair[1]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_steps_and_points() {
        assert_eq!(
            rings("M10.5 2l.5-1 -1 .5zM1 1l2 2z"),
            [
                vec![(10.5, 2.0), (11.0, 1.0), (10.0, 1.5)],
                vec![(1.0, 1.0), (3.0, 3.0)]
            ]
        );
        assert_eq!(rings("M1.0 2.0L3.0 4.5z"), [[(1.0, 2.0), (3.0, 4.5)]]);
        assert!(rings("").is_empty());
    }

    #[test]
    fn every_country_closes_within_the_map() {
        for country in super::super::COUNTRIES.iter() {
            for (x, y) in rings(country.path).concat() {
                let (width, height) = super::super::SIZE;
                assert!(
                    (-1.0..=f64::from(width) + 1.0).contains(&x)
                        && (-1.0..=f64::from(height) + 1.0).contains(&y),
                    "{}: {x} {y}",
                    country.name
                );
            }
        }
    }
}
