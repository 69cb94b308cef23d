//! A circle on the map around a place that a source gives: all that is within its radius, as the globe has it, in the
//! map's projection (Equal Earth; Savric, Patterson, Jenny 2018), as `data/world.py` draws the countries.

use std::fmt::Write as _;

use crate::findings::NetworkFinding;

/// Radius of the earth, in kilometres.
const EARTH_KM: f64 = 6371.0;
/// Corners that stand for a circle.
const CORNERS: u32 = 48;
/// A larger radius is no place, in kilometres.
const WIDEST_KM: u32 = 3000;
/// Circles that are drawn.
const MOST: usize = 200;
/// Width of the drawing, and degrees north at its upper edge.
const WIDTH: f64 = 960.0;
const TOP: f64 = 84.0;
/// Half of the width of the globe in the projection's own measure.
const HALF: f64 = 2.706_629_983_6;
const A: [f64; 4] = [1.340_264, -0.081_106, 0.000_893, 0.003_796];

/// A circle to draw.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Circle {
    /// SVG path.
    pub(crate) path: String,
    /// `Berlin: within about 200 km, as the source has it`.
    pub(crate) title: String,
}

/// The circles of networks that have a place with a radius, each once.
pub(crate) fn circles(networks: &[NetworkFinding]) -> Vec<Circle> {
    let mut circles: Vec<Circle> = Vec::new();
    for one in networks {
        let place = one.latitude.zip(one.longitude).zip(one.radius_km);
        let drawn = place.and_then(|((latitude, longitude), km)| path(latitude, longitude, km));
        let Some(path) = drawn else { continue };
        let city = one.city.as_deref().or(one.country_name.as_deref());
        let title = format!("{}: {}", city.unwrap_or_default(), one.precision);
        let circle = Circle { path, title };
        if circles.len() < MOST && !circles.contains(&circle) {
            circles.push(circle);
        }
    }
    circles
}

/// The outline of what is within so many kilometres of a point; `None` where it would leave the map or cross its
/// edge.
fn path(latitude: f64, longitude: f64, radius_km: u32) -> Option<String> {
    if radius_km > WIDEST_KM {
        return None;
    }
    let (latitude, distance) = (latitude.to_radians(), f64::from(radius_km) / EARTH_KM);
    let mut path = String::new();
    for corner in 0..CORNERS {
        let bearing = std::f64::consts::TAU * f64::from(corner) / f64::from(CORNERS);
        let sine =
            latitude.sin() * distance.cos() + latitude.cos() * distance.sin() * bearing.cos();
        let away = (bearing.sin() * distance.sin() * latitude.cos())
            .atan2(distance.cos() - latitude.sin() * sine);
        let (corner_latitude, corner_longitude) =
            (sine.asin().to_degrees(), longitude + away.to_degrees());
        if corner_latitude.abs() > TOP || corner_longitude.abs() > 180.0 {
            return None;
        }
        let (x, y) = to_page(corner_latitude, corner_longitude);
        let _ = write!(path, "{}{x:.1} {y:.1}", if corner == 0 { 'M' } else { 'L' });
    }
    path.push('z');
    Some(path)
}

/// Where a point of the globe is on the page.
fn to_page(latitude: f64, longitude: f64) -> (f64, f64) {
    let scale = WIDTH / (2.0 * HALF);
    let (x, y) = equal_earth(latitude, longitude);
    let (_, top) = equal_earth(TOP, 0.0);
    (WIDTH / 2.0 + x * scale, (top - y) * scale)
}

/// On a unit sphere.
fn equal_earth(latitude: f64, longitude: f64) -> (f64, f64) {
    let theta = (3f64.sqrt() / 2.0 * latitude.to_radians().sin()).asin();
    let square = theta * theta;
    let sixth = square.powi(3);
    let slope = 9.0 * A[3] * sixth * square + 7.0 * A[2] * sixth + 3.0 * A[1] * square + A[0];
    let x = 2.0 * 3f64.sqrt() * longitude.to_radians() * theta.cos() / (3.0 * slope);
    let y = theta * (A[3] * sixth * square + A[2] * sixth + A[1] * square + A[0]);
    (x, y)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The corners of a path, as numbers.
    fn corners(path: &str) -> Vec<(f64, f64)> {
        let path = path.trim_end_matches('z');
        let corners = path.split(['M', 'L']).skip(1);
        let number = |text: &str| text.parse().expect("a number");
        corners
            .map(|corner| corner.split_once(' ').expect("two"))
            .map(|(x, y)| (number(x), number(y)))
            .collect()
    }

    #[test]
    fn a_circle_lies_where_the_country_does_and_is_as_wide_as_it_should_be() {
        // Within Germany's outline on the map, whose own drawing begins at its first point.
        let germany = super::super::country("DE").expect("Germany");
        let start = germany.path.trim_start_matches('M').split([' ', 'l']);
        let start: Vec<f64> = start
            .take(2)
            .map(|it| it.parse().expect("a number"))
            .collect();
        let found = corners(&path(52.52, 13.4, 200).expect("a circle"));
        let middle = |of: &dyn Fn(&(f64, f64)) -> f64| found.iter().map(of).sum::<f64>() / 48.0;
        let (x, y) = (middle(&|it| it.0), middle(&|it| it.1));
        assert!(
            (x - start[0]).abs() < 25.0 && (y - start[1]).abs() < 25.0,
            "{x} {y} {start:?}"
        );
        // An equal-area projection: the circle has the area it has on the globe, 960 wide being 2 HALF.
        let twice: f64 = (0..found.len())
            .map(|at| (found[at], found[(at + 1) % found.len()]))
            .map(|((ax, ay), (bx, by))| ax * by - bx * ay)
            .sum();
        let scale = 960.0 / (2.0 * HALF);
        let radius = 200.0 / EARTH_KM * scale;
        let expected = std::f64::consts::PI * radius * radius;
        assert!(
            (twice.abs() / 2.0 / expected - 1.0).abs() < 0.05,
            "{twice} {expected}"
        );
    }

    #[test]
    fn what_would_leave_the_map_is_not_drawn() {
        for (latitude, longitude, km) in [
            (83.5, 0.0, 200),
            (-89.0, 0.0, 50),
            (0.0, 179.5, 200),
            (0.0, 0.0, 20_000),
        ] {
            assert_eq!(
                path(latitude, longitude, km),
                None,
                "{latitude} {longitude} {km}"
            );
        }
        assert!(path(-33.9, 151.2, 200).is_some());
    }
}
