import * as echarts from 'echarts/core';
import { BarChart, TreemapChart } from 'echarts/charts';
import { GridComponent, TooltipComponent, LegendComponent, AriaComponent } from 'echarts/components';
import { SVGRenderer } from 'echarts/renderers';
echarts.use([BarChart, TreemapChart, GridComponent, TooltipComponent, LegendComponent, AriaComponent, SVGRenderer]);
window.echarts = { init: echarts.init };
